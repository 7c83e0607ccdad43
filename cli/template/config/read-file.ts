import { decodeBody } from "#base/language/hcl/decode/decode.ts";
import { looksLikeJson, objectBody, parseJsonBody } from "#base/language/hcl/decode/json-body.ts";
import type { BlockTable, Fields } from "#base/language/hcl/decode/table.ts";
import type { Body } from "#base/language/hcl/ast.ts";
import { locate, type Diagnostic } from "#base/language/hcl/diagnostic.ts";
import { rootScope } from "#base/language/hcl/evaluate/root.ts";
import type { SourceText } from "#base/language/hcl/source.ts";
import { parseHcl1 } from "#base/language/hcl1/parse.ts";

export interface ReadFile {
  readonly fields: Fields;
  readonly diagnostics: readonly Diagnostic[];
}

/** One file of configuration, HCL1 or JSON, by the tool's table. */
export function readFields(source: SourceText, table: BlockTable): ReadFile {
  const body = bodyOf(source, table);
  if (body.node === undefined) return { fields: {}, diagnostics: body.diagnostics };
  const diagnostics: Diagnostic[] = [];
  const scope = rootScope({
    source,
    functions: new Map(),
    complain: (complaint) => void diagnostics.push(locate(complaint, { source })),
  });
  return { fields: decodeBody(body.node, table, scope), diagnostics };
}

function bodyOf(
  source: SourceText,
  table: BlockTable,
): { readonly node: Body | undefined; readonly diagnostics: readonly Diagnostic[] } {
  if (source.name.endsWith(".json") || looksLikeJson(source.text)) {
    const { node, diagnostics } = parseJsonBody(source, table);
    return { node: diagnostics.length > 0 ? undefined : node, diagnostics };
  }
  const parsed = parseHcl1(source);
  if (!parsed.ok) return { node: undefined, diagnostics: [parsed.diagnostic] };
  return { node: objectBody(parsed.node, table), diagnostics: [] };
}
