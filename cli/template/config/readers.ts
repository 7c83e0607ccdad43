import { constants } from "node:os";
import { durationMs, texts } from "#base/language/hcl/decode/readers.ts";
import type { Reader, Reading } from "#base/language/hcl/decode/table.ts";
import { isList, isMap, typeName, type Value } from "#base/language/hcl/evaluate/value.ts";
import { didYouMean } from "#base/language/nearest.ts";

export const SIGNALS: ReadonlyMap<string, number> = new Map(Object.entries(constants.signals));

/** A signal by name (`SIGHUP`); empty, `nil` and `SIGNIL` mean none. */
export const signal: Reader = (value) => {
  if (typeof value !== "string") return { message: `expected a signal such as "SIGHUP", found ${typeName(value)}` };
  const name = value.toUpperCase();
  if (["", "NIL", "SIGNIL"].includes(name)) return { value: "" };
  if (SIGNALS.has(name)) return { value: name };
  return { message: `there is no signal ${JSON.stringify(value)}`, hint: didYouMean(name, SIGNALS.keys()) };
};

/** A text, which a shell will read if it has several words, or a list: program and arguments. */
export const command: Reader = (value) => {
  if (typeof value === "string") return { value: value.trim() === "" ? [] : [value] };
  if (isList(value)) return texts(value);
  return { message: `expected a command (a string or a list of strings), found ${typeName(value)}` };
};

/** `0600` as a number or as text; both octal (the number already is). */
export const perms: Reader = (value) => {
  if (typeof value === "string" && /^(?:0o?)?[0-7]{1,4}$/.test(value))
    return { value: Number.parseInt(value.replace(/^0o/, ""), 8) };
  if (typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= 0o7777) return { value };
  return { message: `${JSON.stringify(value)} is no octal mode`, hint: "for example 0644" };
};

/** A user or group: its number or its name. */
export const owner: Reader = (value) => {
  if (typeof value === "number" && Number.isInteger(value) && value >= -1) return { value: String(value) };
  if (typeof value === "string") return { value };
  return { message: `expected a name or a number, found ${typeName(value)}` };
};

/** `"5s"` or `"5s:20s"`; without a maximum it is four times the minimum. */
export const waitText: Reader = (value) => {
  if (typeof value !== "string") return { message: `expected "min" or "min:max", found ${typeName(value)}` };
  if (value.trim() === "") return { value: {} };
  const [least = "", most, ...rest] = value.trim().split(":");
  const min = durationMs(least);
  const max = most === undefined ? undefined : durationMs(most);
  if (rest.length > 0) return { message: `${JSON.stringify(value)} has more than a minimum and a maximum` };
  if (!("value" in min)) return min;
  if (max !== undefined && !("value" in max)) return max;
  return { value: { enabled: true, minMs: min.value, ...(max === undefined ? {} : { maxMs: max.value }) } };
};

/** `user[:password]`. */
export const auth: Reader = (value) => {
  if (typeof value !== "string" || value === "") return { message: 'expected "username" or "username:password"' };
  const colon = value.indexOf(":");
  const username = colon < 0 ? value : value.slice(0, colon);
  return { value: { enabled: true, username, password: colon < 0 ? "" : value.slice(colon + 1) } };
};

/** `source[:destination[:command]]`. */
export const templateText: Reader = (value) => {
  const given = typeof value === "string" ? value : "";
  const [source = "", destination = "", ...rest] = given.split(":");
  if (source.trim() === "")
    return { message: `${JSON.stringify(given)} names no template`, hint: 'written: "source:destination:command"' };
  const exec = rest.length === 0 ? {} : { exec: { command: [rest.join(":")] } };
  return { value: { source, destination, ...exec } };
};

const LEVELS: Readonly<Record<string, string>> = { err: "error", warning: "warn", critical: "error" };
export const logLevel: Reader = (value) => {
  const given = typeof value === "string" ? value.toLowerCase() : JSON.stringify(value);
  const level = LEVELS[given] ?? given;
  if (["trace", "debug", "info", "warn", "error"].includes(level)) return { value: level };
  return { message: `there is no log level ${JSON.stringify(value)}`, hint: "known: trace, debug, info, warn, err" };
};

/** A value that stands for one field of a block: `consul = "127.0.0.1:8500"`. */
export function asField(field: string, read: Reader): Reader {
  return (value: Value): Reading => {
    if (isMap(value)) return { message: "expected a value" };
    const reading = read(value);
    return "value" in reading ? { value: { [field]: reading.value } } : reading;
  };
}

/** A share above 0, at most 1. */
export const share: Reader = (value) => {
  const number = typeof value === "string" ? Number(value) : value;
  if (typeof number === "number" && number > 0 && number <= 1) return { value: number };
  return {
    message: `${JSON.stringify(value)} is no share of a lease`,
    hint: "a number above 0, at most 1, such as 0.90",
  };
};
