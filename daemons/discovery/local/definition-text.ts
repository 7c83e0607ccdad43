import * as v from "valibot";
import { CodedError, messageOf } from "#base/env/errors.ts";
import type { Expression } from "#base/language/hcl/ast.ts";
import { renderDiagnostic } from "#base/language/hcl/diagnostic.ts";
import type { SourceText } from "#base/language/hcl/source.ts";
import { parseHcl1 } from "#base/language/hcl1/parse.ts";
import {
  AgentCheckDefinitionSchema,
  AgentServiceDefinitionSchema,
  type AgentCheckDefinition,
  type AgentServiceDefinition,
} from "#base/protocol/catalog.ts";
import { API_KEYS, spelled } from "../catalog/key-spelling.ts";

export interface Definitions {
  readonly services: readonly AgentServiceDefinition[];
  readonly checks: readonly AgentCheckDefinition[];
}

const FileSchema = v.strictObject({
  service: many(service()),
  services: many(service()),
  check: many(spelled(AgentCheckDefinitionSchema, API_KEYS)),
  checks: many(spelled(AgentCheckDefinitionSchema, API_KEYS)),
});

/**
 * `service`, `services`, `check` and `checks` of one file, JSON where it begins with `{`, else HCL
 * (https://developer.hashicorp.com/consul/docs/register/service/vm/define). Throws a `CodedError` with the mistake's place.
 */
export function readDefinitions(source: SourceText): Definitions {
  const parsed = v.safeParse(FileSchema, valuesOf(source));
  if (!parsed.success) {
    const [issue] = parsed.issues;
    throw new CodedError(
      "invalid_definition",
      `${source.name}: ${v.getDotPath(issue) ?? "the whole"}: ${issue.message}`,
    );
  }
  const { service: one, services, check, checks } = parsed.output;
  return { services: [...one, ...services], checks: [...check, ...checks] };
}

/** A block that is given once, or as often as wanted. */
function many<T>(schema: v.GenericSchema<unknown, T>) {
  const listed = v.pipe(v.unknown(), v.transform(listOf), v.array(schema));
  return v.optional(listed, () => []);
}

/** `check` may be given several times in a service. */
function service(): v.GenericSchema<unknown, AgentServiceDefinition> {
  return v.pipe(
    v.unknown(),
    v.transform((value) => {
      if (typeof value !== "object" || value === null || !("check" in value) || !Array.isArray(value.check))
        return value;
      const { check, ...rest } = value;
      return { ...rest, checks: [...listOf("checks" in rest ? rest.checks : []), ...listOf(check)] };
    }),
    spelled(AgentServiceDefinitionSchema, API_KEYS),
  );
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [value];
}

function valuesOf(source: SourceText): unknown {
  if (/^\s*\{/.test(source.text)) {
    try {
      return JSON.parse(source.text);
    } catch (thrown) {
      throw new CodedError("invalid_definition", `${source.name}: ${messageOf(thrown)}`);
    }
  }
  const parsed = parseHcl1(source);
  if (!parsed.ok) throw new CodedError("invalid_definition", renderDiagnostic(parsed.diagnostic));
  return plain(parsed.node);
}

/** What is given more than once becomes a list. */
function plain(node: Expression): unknown {
  if (node.kind === "literal") return node.value;
  if (node.kind === "tuple") return node.items.map(plain);
  if (node.kind !== "object") return null;
  const found = new Map<string, unknown[]>();
  for (const { key, value } of node.items) {
    const name = key.kind === "literal" ? String(key.value) : "";
    found.set(name, [...(found.get(name) ?? []), plain(value)]);
  }
  return Object.fromEntries([...found].map(([name, values]) => [name, values.length === 1 ? values[0] : values]));
}
