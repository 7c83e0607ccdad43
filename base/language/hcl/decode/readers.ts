import { readDuration } from "../../duration.ts";
import { toFlag, toNumber, toText } from "../evaluate/convert.ts";
import { isList, isMap, mapOf, typeName, type Value } from "../evaluate/value.ts";
import type { Reader, Reading } from "./table.ts";

function wrong(expected: string, value: Value): Reading {
  const found = typeof value === "string" ? `the string ${JSON.stringify(value)}` : typeName(value);
  return { message: `expected ${expected}, found ${found}` };
}

export const text: Reader = (value) => {
  const read = toText(value);
  return read === undefined ? wrong("a string", value) : { value: read };
};

export const number: Reader = (value) => {
  const read = toNumber(value);
  return read === undefined ? wrong("a number", value) : { value: read };
};

export const integer: Reader = (value) => {
  const read = toNumber(value);
  return read === undefined || !Number.isSafeInteger(read) ? wrong("a whole number", value) : { value: read };
};

export const flag: Reader = (value) => {
  const read = toFlag(value);
  return read === undefined ? wrong("true or false", value) : { value: read };
};

/** Text with a unit → nanoseconds. A bare number already counts nanoseconds. */
export const duration: Reader = (value) => {
  if (typeof value === "number") return Number.isSafeInteger(value) ? { value } : wrong("a duration", value);
  if (typeof value !== "string") return wrong('a duration such as "30s"', value);
  const parsed = readDuration(value);
  return parsed.ok ? { value: parsed.value } : { message: parsed.error.message, hint: parsed.error.hint };
};

export const durationMs: Reader = (value) => {
  const read = duration(value);
  return "value" in read && typeof read.value === "number" ? { value: Math.round(read.value / 1e6) } : read;
};

export const texts: Reader = (value) => {
  if (!isList(value)) return wrong("a list of strings", value);
  const read = value.map(toText);
  const bad = read.indexOf(undefined);
  return bad < 0 ? { value: read } : wrong(`a list of strings: element ${bad}`, value[bad] ?? null);
};

/** Values become text, as clients expect of `meta` and `env`. Null ones are left out. */
export const textMap: Reader = (value) => {
  if (!isMap(value)) return wrong("an object of strings", value);
  const entries: [string, string][] = [];
  for (const [key, item] of Object.entries(value)) {
    if (item === null) continue;
    const read = toText(item);
    if (read === undefined)
      return {
        message: `"${key}": expected a string, found ${typeName(item)}`,
        hint: "use jsonencode(value) to store it as text",
      };
    entries.push([key, read]);
  }
  return { value: mapOf(entries) };
};

export const textsMap: Reader = (value) => {
  if (!isMap(value)) return wrong("an object of lists of strings", value);
  const entries: [string, unknown][] = [];
  for (const [key, item] of Object.entries(value)) {
    const read = texts(isList(item) ? item : [item]);
    if (!("value" in read)) return { ...read, message: `"${key}": ${read.message}` };
    entries.push([key, read.value]);
  }
  return { value: Object.fromEntries(entries) };
};

export const anything: Reader = (value) => ({ value });

export const object: Reader = (value) => (isMap(value) ? { value } : wrong("an object", value));
