import { fail, succeed, type Result } from "#base/env/errors.ts";
import { jsonMistake } from "./json-mistake.ts";

/** What Go's encoding/json makes of a document when asked for `interface{}`. */
export type Json = null | boolean | number | string | readonly Json[] | Map<string, Json>;

/** Deeper documents are refused (Go: 10 000): what reads and prints values here goes down by calls. */
export const MAX_JSON_DEPTH = 1000;

/** Reads a JSON document; the errors are worded as Go's (https://pkg.go.dev/encoding/json#Unmarshal). */
export function readJson(text: string): Result<Json> {
  const mistake = jsonMistake(text, MAX_JSON_DEPTH);
  if (mistake !== undefined) return fail("bad_json", mistake);
  let tooLarge: string | undefined;
  const parsed: unknown = JSON.parse(text);
  const convert = (value: unknown): Json => {
    if (typeof value === "number" && !Number.isFinite(value)) tooLarge ??= largeNumber(text);
    if (value === null || typeof value === "boolean" || typeof value === "number") return value;
    if (typeof value === "string") return value.toWellFormed();
    if (Array.isArray(value)) return value.map(convert);
    return typeof value === "object"
      ? new Map(Object.entries(value).map(([key, item]) => [key.toWellFormed(), convert(item)]))
      : null;
  };
  const value = convert(parsed);
  return tooLarge === undefined
    ? succeed(value)
    : fail("bad_json", `json: cannot unmarshal number ${tooLarge} into Go value of type float64`);
}

function largeNumber(text: string): string {
  const numbers = text.match(/-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g) ?? [];
  return numbers.find((number) => !Number.isFinite(Number(number))) ?? "";
}
