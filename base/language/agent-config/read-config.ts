import * as v from "valibot";
import { decodeBody } from "#base/language/hcl/decode/decode.ts";
import { looksLikeJson, parseJsonBody } from "#base/language/hcl/decode/json-body.ts";
import type { Fields } from "#base/language/hcl/decode/table.ts";
import { locate, type Diagnostic } from "#base/language/hcl/diagnostic.ts";
import { rootScope } from "#base/language/hcl/evaluate/root.ts";
import { parseHcl } from "#base/language/hcl/parse.ts";
import { MAX_COMPLAINTS } from "#base/language/hcl/parser.ts";
import type { SourceText } from "#base/language/hcl/source.ts";
import { AgentConfigSchema, type AgentConfig } from "./config.ts";
import { mergeFields } from "./merge.ts";
import { agent } from "./tables/agent.ts";

export type ReadConfig =
  | { readonly ok: true; readonly config: AgentConfig }
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] };

export interface ConfigSources {
  /** In the order of their names; later ones win. HCL, or JSON when the text starts with `{`. */
  readonly files: readonly SourceText[];
  /** What was said before any file (for `-dev`), in the shape of `AgentConfig`. */
  readonly base?: Fields;
  /** What flags said: wins over all files. */
  readonly overrides?: Fields;
}

/** Files and flags → the whole configuration. Blocks are merged key by key, lists replaced, labelled blocks joined by name. */
export function readAgentConfig({ files, base = {}, overrides = {} }: ConfigSources): ReadConfig {
  const diagnostics: Diagnostic[] = [];
  let merged = base;
  for (const source of files) merged = mergeFields(merged, readFile(source, diagnostics));
  if (diagnostics.length > 0) return { ok: false, diagnostics };
  const parsed = v.safeParse(AgentConfigSchema, mergeFields(merged, overrides));
  if (parsed.success) return { ok: true, config: parsed.output };
  const source: SourceText = files.at(-1) ?? { name: "flags", text: "" };
  const span = { start: 0, end: 0 };
  return {
    ok: false,
    diagnostics: parsed.issues.map((issue) =>
      locate({ code: "config_shape", message: `${v.getDotPath(issue) ?? ""}: ${issue.message}`, span }, { source }),
    ),
  };
}

function readFile(source: SourceText, diagnostics: Diagnostic[]): Fields {
  const json = source.name.endsWith(".json") || looksLikeJson(source.text);
  const parsed = json ? parseJsonBody(source, agent) : parseHcl(source);
  diagnostics.push(...parsed.diagnostics);
  if (parsed.diagnostics.length > 0) return {};
  const scope = rootScope({
    source,
    // Configurations call no functions, and the library would cost every agent memory.
    functions: new Map(),
    complain: (complaint) => {
      if (diagnostics.length < MAX_COMPLAINTS) diagnostics.push(locate(complaint, { source }));
    },
  });
  return decodeBody(parsed.node, agent, scope);
}
