import type * as v from "valibot";
import { isSchema } from "./query.ts";

export type JsonSchema = { [key: string]: unknown };

/** Names for object schemas that occur more than once, under which they are written down only once. */
export interface SchemaNames {
  /** A reference in place of a named schema. */
  readonly refOf: (schema: v.GenericSchema) => string | undefined;
}

/**
 * What a valibot schema accepts, as JSON Schema 2020-12 (what OpenAPI 3.1 holds). Types that JSON cannot tell apart, and
 * checks that are code, are left open: the document never refuses what the API takes.
 */
export function toJsonSchema(schema: v.GenericSchema, names: SchemaNames): JsonSchema {
  const ref = names.refOf(schema);
  return ref === undefined ? describeSchema(schema, names) : { $ref: ref };
}

/** The schema itself, even where it has a name. */
export function describeSchema(schema: v.GenericSchema, names: SchemaNames): JsonSchema {
  return { ...base(schema, names), ...refinements(schema) };
}

/** The schemas directly inside another one, with the key under which they are found. */
export function innerSchemas(schema: v.GenericSchema): readonly (readonly [key: string, inner: v.GenericSchema])[] {
  const entries = prop(schema, "entries");
  const named = typeof entries === "object" && entries !== null ? Object.entries(entries) : [];
  const options = prop(schema, "options");
  const listed = Array.isArray(options) ? options.map((option: unknown) => ["", option] as const) : [];
  const single = ["wrapped", "item", "value"].map((key) => ["", prop(schema, key)] as const);
  return [...named, ...listed, ...single].flatMap(([key, inner]) => (isSchema(inner) ? [[key, inner] as const] : []));
}

export function isRequired(schema: v.GenericSchema): boolean {
  return !["optional", "exact_optional", "nullish", "undefinedable"].includes(schema.type);
}

function base(schema: v.GenericSchema, names: SchemaNames): JsonSchema {
  switch (schema.type) {
    case "string":
    case "boolean":
    case "number":
    case "null":
      return { type: schema.type };
    case "bigint":
      return { type: "integer" };
    case "object":
    case "strict_object":
    case "loose_object":
      return objectSchema(schema, names);
    case "array":
      return { type: "array", items: inner(schema, "item", names) };
    case "record":
      return { type: "object", additionalProperties: inner(schema, "value", names) };
    case "picklist":
    case "enum":
      return { enum: prop(schema, "options") };
    case "literal":
      return { const: prop(schema, "literal") };
    case "union":
    case "variant":
      return { anyOf: innerSchemas(schema).map(([, option]) => toJsonSchema(option, names)) };
    case "optional":
    case "exact_optional":
    case "undefinedable":
      return withDefault(schema, inner(schema, "wrapped", names));
    case "nullable":
    case "nullish":
      return withDefault(schema, orNull(inner(schema, "wrapped", names)));
    default:
      return {};
  }
}

function objectSchema(schema: v.GenericSchema, names: SchemaNames): JsonSchema {
  const entries = innerSchemas(schema);
  const required = entries.filter(([, entry]) => isRequired(entry)).map(([key]) => key);
  return {
    type: "object",
    properties: Object.fromEntries(entries.map(([key, entry]) => [key, toJsonSchema(entry, names)])),
    ...(required.length === 0 ? {} : { required }),
    ...(schema.type === "strict_object" ? { additionalProperties: false } : {}),
  };
}

function orNull(schema: JsonSchema): JsonSchema {
  if (typeof schema["type"] === "string") return { ...schema, type: [schema["type"], "null"] };
  return Object.keys(schema).length === 0 ? schema : { anyOf: [schema, { type: "null" }] };
}

function withDefault(schema: v.GenericSchema, described: JsonSchema): JsonSchema {
  const value = prop(schema, "default");
  return ["string", "number", "boolean"].includes(typeof value) ? { ...described, default: value } : described;
}

/** What the checks of a pipe say in JSON Schema's words. */
function refinements(schema: v.GenericSchema): JsonSchema {
  const pipe = prop(schema, "pipe");
  const found: JsonSchema = {};
  const actions: unknown[] = Array.isArray(pipe) ? pipe.slice(1) : [];
  for (const action of actions) {
    if (typeof action !== "object" || action === null) continue;
    const kind = prop(action, "type");
    const requirement = prop(action, "requirement");
    if (kind === "integer") found["type"] = "integer";
    const keyword = typeof kind === "string" && Object.hasOwn(KEYWORDS, kind) ? KEYWORDS[kind] : undefined;
    if (keyword !== undefined) found[keyword] = requirement;
    if (kind === "regex" && requirement instanceof RegExp) found["pattern"] = requirement.source;
    if (kind === "description") found["description"] = prop(action, "description");
  }
  return found;
}

const KEYWORDS: Readonly<Record<string, string>> = {
  min_value: "minimum",
  max_value: "maximum",
  min_length: "minLength",
  max_length: "maxLength",
};

function inner(schema: v.GenericSchema, key: string, names: SchemaNames): JsonSchema {
  const found = prop(schema, key);
  return isSchema(found) ? toJsonSchema(found, names) : {};
}

/** Valibot's schemas are plain values; which fields one has depends on its type. */
function prop(value: object, key: string): unknown {
  const found: unknown = Reflect.get(value, key);
  return found;
}
