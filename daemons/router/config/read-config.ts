import * as v from "valibot";
import { decodeBody } from "#base/language/hcl/decode/decode.ts";
import { looksLikeJson, parseJsonBody } from "#base/language/hcl/decode/json-body.ts";
import { locate, type Complaint, type Diagnostic } from "#base/language/hcl/diagnostic.ts";
import { rootScope } from "#base/language/hcl/evaluate/root.ts";
import { parseHcl } from "#base/language/hcl/parse.ts";
import { MAX_COMPLAINTS } from "#base/language/hcl/parser.ts";
import type { SourceText } from "#base/language/hcl/source.ts";
import { checkRouterConfig } from "./check.ts";
import { RouterConfigSchema, type RouterConfig } from "./model.ts";
import { router } from "./tables.ts";

export type ReadRouterConfig =
  | { readonly ok: true; readonly config: RouterConfig }
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] };

/** HCL, or JSON when the text starts with `{`, to a configuration that does not contradict itself. */
export function readRouterConfig(source: SourceText): ReadRouterConfig {
  const parsed = looksLikeJson(source.text) ? parseJsonBody(source, router) : parseHcl(source);
  if (parsed.diagnostics.length > 0) return { ok: false, diagnostics: parsed.diagnostics };
  const diagnostics: Diagnostic[] = [];
  const complain = (complaint: Complaint): void => {
    if (diagnostics.length < MAX_COMPLAINTS) diagnostics.push(locate(complaint, { source }));
  };
  const fields = decodeBody(parsed.node, router, rootScope({ source, functions: new Map(), complain }));
  if (diagnostics.length > 0) return { ok: false, diagnostics };
  const read = v.safeParse(RouterConfigSchema, fields);
  if (!read.success) {
    for (const issue of read.issues) complain(shapeComplaint(issue));
    return { ok: false, diagnostics };
  }
  for (const complaint of checkRouterConfig(read.output)) complain(complaint);
  return diagnostics.length > 0 ? { ok: false, diagnostics } : { ok: true, config: read.output };
}

/** A key that has to be there and is not: readers have seen everything else. */
function shapeComplaint(issue: v.BaseIssue<unknown>): Complaint {
  const block = issue.path?.at(1)?.value;
  const { at, name } = v.parse(PlaceSchema, block ?? {});
  const key = v.getDotPath(issue)?.split(".").at(-1) ?? "";
  const written = KEYS.get(key) ?? key;
  return {
    code: "router_config",
    message: `${name === "" ? "the configuration" : `"${name}"`} needs ${written}`,
    hint: `add ${written} = …`,
    span: at,
  };
}

const PlaceSchema = v.object({
  name: v.nullish(v.string(), ""),
  at: v.nullish(v.object({ start: v.number(), end: v.number() }), () => ({ start: 0, end: 0 })),
});

/** Fields that must be given, as they are written. */
const KEYS = new Map([
  ["interfaces", "interface"],
  ["ports", "port"],
  ["publicKey", "public_key"],
]);
