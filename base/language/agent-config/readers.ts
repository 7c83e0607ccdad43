import { isList, isMap, typeName, type Value } from "#base/language/hcl/evaluate/value.ts";
import { durationMs, integer, text, texts } from "#base/language/hcl/decode/readers.ts";
import type { Reader, Reading } from "#base/language/hcl/decode/table.ts";
import { parseSize } from "../size.ts";
import { didYouMean } from "../nearest.ts";

/** 0 switches a listener off. */
export const port: Reader = (value) => between(value, { least: 0, most: 65_535 });
export const positive: Reader = (value) => between(value, { least: 1, most: Number.MAX_SAFE_INTEGER });
export const count: Reader = (value) => between(value, { least: 0, most: Number.MAX_SAFE_INTEGER });
export const percent: Reader = (value) => between(value, { least: 0, most: 100 });

function between(value: Value, limits: { readonly least: number; readonly most: number }): Reading {
  const read = integer(value);
  if (!("value" in read) || typeof read.value !== "number") return read;
  if (read.value >= limits.least && read.value <= limits.most) return read;
  const wanted =
    limits.most === Number.MAX_SAFE_INTEGER ? `${limits.least} or more` : `${limits.least} to ${limits.most}`;
  return { message: `expected ${wanted}, found ${read.value}` };
}

/** A number of bytes, or text with a unit. */
export const bytes: Reader = (value) => {
  if (typeof value === "number") return count(value);
  if (typeof value !== "string") return { message: `expected a size such as "10MB", found ${typeName(value)}` };
  const read = parseSize(value);
  return read.ok ? { value: read.value } : { message: read.error.message, hint: read.error.hint };
};

/** Permissions in octal, as text. */
export const fileMode: Reader = (value) => {
  if (typeof value === "string" && /^0?[0-7]{3}$/.test(value)) return { value: Number.parseInt(value, 8) };
  return { message: `expected permissions such as "0600", found ${JSON.stringify(value)}` };
};

/** A name without white space and control characters. */
export const word: Reader = (value) => {
  const read = text(value);
  if (!("value" in read) || typeof read.value !== "string" || /^[^\s\p{Cc}]+$/u.test(read.value)) return read;
  return { message: `expected a name without spaces, found ${JSON.stringify(read.value)}` };
};

export function oneOf(known: readonly string[]): Reader {
  return (value) => {
    const found = typeof value === "string" ? value.toLowerCase() : "";
    if (known.includes(found)) return { value: found };
    return {
      message: `${JSON.stringify(value)} is not known; expected ${known.join(", ")}`,
      hint: didYouMean(found, known),
    };
  };
}

/** `reserved_ports = "22,80,8000-8100"`. */
export const portRanges: Reader = (value) => {
  const read = text(value);
  if (!("value" in read) || typeof read.value !== "string") return read;
  const bad = read.value.split(",").find((part) => part.trim() !== "" && !isRange(part.trim()));
  return bad === undefined
    ? read
    : { message: `${JSON.stringify(bad)} is no port or range of ports`, hint: 'written: "22,80,8000-8100"' };
};

function isRange(part: string): boolean {
  const [, from, to] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(part) ?? [];
  return (
    from !== undefined && Number(from) <= 65_535 && Number(to ?? from) <= 65_535 && Number(from) <= Number(to ?? from)
  );
}

/** One text counts as a list of one. */
export const oneOrMore: Reader = (value) => texts(isList(value) ? value : [value]);

/** Durations by name, in milliseconds. */
export const durationsMs: Reader = (value) => {
  if (!isMap(value)) return { message: `expected an object of durations, found ${typeName(value)}` };
  const entries: [string, unknown][] = [];
  for (const [key, item] of Object.entries(value)) {
    const read = durationMs(item);
    if (!("value" in read)) return { ...read, message: `"${key}": ${read.message}` };
    entries.push([key, read.value]);
  }
  return { value: Object.fromEntries(entries) };
};
