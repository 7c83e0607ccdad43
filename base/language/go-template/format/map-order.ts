import { Buffer } from "node:buffer";
import { encodeText } from "../text.ts";
import type { GoKey, GoValue } from "../value.ts";

const ascii = /^[\0-\x7f]*$/;

/** The entries as Go ranges and prints them: by key, strings by their bytes. */
export function sortedEntries(map: ReadonlyMap<GoKey, GoValue>): readonly (readonly [GoKey, GoValue])[] {
  return [...map].sort(([a], [b]) => compareKeys(a, b));
}

function compareKeys(a: GoKey, b: GoKey): number {
  return typeof a === "string" && typeof b === "string" ? compareStrings(a, b) : a < b ? -1 : a > b ? 1 : 0;
}

/** By bytes; UTF-16 order differs from it beyond U+D7FF. */
export function compareStrings(a: string, b: string): number {
  if (ascii.test(a) || ascii.test(b)) return a < b ? -1 : a > b ? 1 : 0;
  return Buffer.compare(encodeText(a), encodeText(b));
}
