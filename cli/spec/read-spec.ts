import { CodedError } from "#base/env/errors.ts";
import { decodeBody } from "#base/language/hcl/decode/decode.ts";
import { looksLikeJson } from "#base/language/hcl/decode/json-body.ts";
import type { BlockTable, Fields } from "#base/language/hcl/decode/table.ts";
import { locate, renderDiagnostics, type Diagnostic } from "#base/language/hcl/diagnostic.ts";
import { rootScope } from "#base/language/hcl/evaluate/root.ts";
import { parseHcl } from "#base/language/hcl/parse.ts";
import { readTextFile } from "./read-text.ts";

/** What a file (`-`: standard input) says in HCL, by its table; a JSON file is taken as the API's own shape. */
export function readSpec(path: string, table: BlockTable): unknown {
  const text = readTextFile(path);
  const name = path === "-" ? "stdin" : path;
  return looksLikeJson(text) ? fromJson(text, name) : fromHcl(text, name, table);
}

function fromJson(text: string, name: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new CodedError("spec_file", `${name} is not JSON: ${error instanceof Error ? error.message : ""}`);
  }
}

function fromHcl(text: string, name: string, table: BlockTable): Fields {
  const source = { name, text };
  const { node, diagnostics: syntax } = parseHcl(source);
  const diagnostics: Diagnostic[] = [...syntax];
  const scope = rootScope({
    source,
    functions: new Map(),
    complain: (complaint) => void diagnostics.push(locate(complaint, { source })),
  });
  const fields = syntax.length > 0 ? {} : decodeBody(node, table, scope);
  if (diagnostics.length === 0) return fields;
  throw new CodedError("spec_file", `${renderDiagnostics(diagnostics)}\n`, "Nothing was changed.");
}
