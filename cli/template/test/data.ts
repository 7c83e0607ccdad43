import * as v from "valibot";
import { CodedError, messageOf } from "#base/env/errors.ts";
import type { Expression } from "#base/language/hcl/ast.ts";
import { renderDiagnostic } from "#base/language/hcl/diagnostic.ts";
import type { SourceText } from "#base/language/hcl/source.ts";
import { parseHcl1 } from "#base/language/hcl1/parse.ts";

const texts = v.optional(v.array(v.string()), []);
const InstanceSchema = v.object({
  ID: v.optional(v.string(), ""),
  Node: v.optional(v.string(), "node-1"),
  Address: v.optional(v.string(), "127.0.0.1"),
  Port: v.optional(v.number(), 0),
  Tags: texts,
  Meta: v.optional(v.record(v.string(), v.string()), {}),
  Status: v.optional(v.string(), "passing"),
});
export type Instance = v.InferOutput<typeof InstanceSchema>;

const free = v.record(v.string(), v.unknown());

/** What the servers would answer, as authors write it. Everything may be left out. */
const DataSchema = v.object({
  env: v.optional(v.record(v.string(), v.string()), {}),
  keys: v.optional(v.record(v.string(), v.string()), {}),
  services: v.optional(v.record(v.string(), v.array(InstanceSchema)), {}),
  nodes: v.optional(v.array(v.object({ Node: v.string(), Address: v.optional(v.string(), "127.0.0.1") })), []),
  datacenters: v.optional(v.array(v.string()), ["dc1"]),
  secrets: v.optional(v.record(v.string(), free), {}),
  variables: v.optional(v.record(v.string(), v.record(v.string(), v.string())), {}),
  nomad_services: v.optional(v.record(v.string(), v.array(InstanceSchema)), {}),
  files: v.optional(v.record(v.string(), v.string()), {}),
  /** Bodies as the API answers them, by what logs call the dependency: `"health.service(web|passing)" = [ … ]`. */
  answers: v.optional(free, {}),
});
export type TestData = v.InferOutput<typeof DataSchema>;

/** JSON when the text starts with `{`, else HCL. Throws {@link CodedError} with the place of a mistake. */
export function readTestData(source: SourceText): TestData {
  const parsed = v.safeParse(v.strictObject(DataSchema.entries), valuesOf(source));
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  throw new CodedError("template_data", `${source.name}: ${v.getDotPath(issue) ?? "the whole"}: ${issue.message}`);
}

function valuesOf(source: SourceText): unknown {
  if (/^\s*\{/.test(source.text)) {
    try {
      return JSON.parse(source.text);
    } catch (thrown) {
      throw new CodedError("template_data", `${source.name}: ${messageOf(thrown)}`);
    }
  }
  const parsed = parseHcl1(source);
  if (!parsed.ok) throw new CodedError("template_data", renderDiagnostic(parsed.diagnostic));
  return plain(parsed.node);
}

/** Blocks of one name are one object; anything else given twice is taken as it stands last. */
function plain(node: Expression): unknown {
  if (node.kind === "literal") return node.value;
  if (node.kind === "tuple") return node.items.map(plain);
  if (node.kind !== "object") return null;
  const merged = new Map<string, unknown>();
  for (const { key, value } of node.items) {
    const name = key.kind === "literal" ? String(key.value) : "";
    const [before, now] = [merged.get(name), plain(value)];
    merged.set(name, isObject(before) && isObject(now) ? { ...before, ...now } : now);
  }
  return Object.fromEntries(merged);
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
