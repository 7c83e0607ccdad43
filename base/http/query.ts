import * as v from "valibot";
import { parseDuration } from "#base/language/duration.ts";
import { parseInput } from "./issues.ts";

/** `?stale`, `?stale=`, `?stale=true` and `?stale=1` are true; absent is false. */
export const queryFlag = v.pipe(
  v.nullish(v.string(), "false"),
  v.rawTransform<string, boolean>(({ dataset, addIssue, NEVER }) => {
    if (/^(|1|t|true)$/i.test(dataset.value)) return true;
    if (/^(0|f|false)$/i.test(dataset.value)) return false;
    addIssue({ message: `expected true or false, got ${JSON.stringify(dataset.value)}` });
    return NEVER;
  }),
);

/** Undefined when absent or empty. */
export const queryInteger = v.pipe(
  v.optional(v.string(), ""),
  v.rawTransform<string, number | undefined>(({ dataset, addIssue, NEVER }) => {
    if (dataset.value === "") return undefined;
    const value = Number(dataset.value);
    if (/^-?\d+$/.test(dataset.value) && Number.isSafeInteger(value)) return value;
    addIssue({ message: `expected an integer, got ${JSON.stringify(dataset.value)}` });
    return NEVER;
  }),
);

/** Milliseconds, from Go's notation (`30s`, `5m`); undefined when absent or empty. */
export const queryDurationMs = v.pipe(
  v.optional(v.string(), ""),
  v.rawTransform<string, number | undefined>(({ dataset, addIssue, NEVER }) => {
    if (dataset.value === "") return undefined;
    const ns = parseDuration(dataset.value);
    if (ns !== undefined) return ns / 1e6;
    addIssue({ message: `expected a duration such as 30s or 5m, got ${JSON.stringify(dataset.value)}` });
    return NEVER;
  }),
);

/** Empty when absent. */
export const queryText = v.optional(v.string(), "");
/** Every value of a parameter that may be repeated. */
export const queryTexts = v.optional(v.array(v.string()), () => []);

/** The keys of an object schema whose values are lists: these get all values of a parameter. */
export function listKeys(schema: v.GenericSchema): ReadonlySet<string> {
  const entries = entriesOf(schema);
  return new Set([...entries].filter(([, entry]) => kindOf(entry) === "array").map(([key]) => key));
}

export function parseQuery<Q>(
  schema: v.GenericSchema<unknown, Q>,
  lists: ReadonlySet<string>,
  raw: ReadonlyMap<string, readonly string[]>,
): Q {
  // fromEntries, because a parameter may be called __proto__.
  const input = Object.fromEntries([...raw].map(([key, values]) => [key, lists.has(key) ? values : values[0]]));
  return parseInput(schema, input, "query parameter");
}

/** The entries of an object schema, or none. */
export function entriesOf(schema: v.GenericSchema): ReadonlyMap<string, v.GenericSchema> {
  const found = "entries" in schema ? schema.entries : undefined;
  if (typeof found !== "object" || found === null) return new Map();
  return new Map(Object.entries(found).filter((entry): entry is [string, v.GenericSchema] => isSchema(entry[1])));
}

export function isSchema(value: unknown): value is v.GenericSchema {
  return typeof value === "object" && value !== null && "kind" in value && value.kind === "schema";
}

/** The type under `optional`, `nullish` and `nullable`. */
function kindOf(schema: v.GenericSchema): string {
  return "wrapped" in schema && isSchema(schema.wrapped) ? kindOf(schema.wrapped) : schema.type;
}

/** What these pieces take, for the API document: their schemas alone would say text. */
export function queryTypeOf(schema: v.GenericSchema): Readonly<Record<string, unknown>> | undefined {
  if (schema === queryFlag) return { type: "boolean", default: false };
  if (schema === queryInteger) return { type: "integer" };
  return schema === queryDurationMs ? { type: "string", description: "A duration such as 30s or 5m" } : undefined;
}
