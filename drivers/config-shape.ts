import { fail } from "#base/env/errors.ts";
import type { Failure } from "#base/env/errors.ts";
import { parseDuration } from "#base/language/duration.ts";
import { nearest } from "#base/language/nearest.ts";

/** `map`: a block of keys and texts; `blocks`: a block that may be repeated. Both also come as a list of objects, as HCL gives them. */
export type ConfigKind = "text" | "number" | "flag" | "texts" | "map" | "blocks" | "duration";

/** A driver's `config` block: its keys and what each holds. */
export type ConfigShape = Readonly<Record<string, { readonly kind: ConfigKind; readonly required?: true }>>;

type Config = Readonly<Record<string, unknown>>;

export interface ConfigReader {
  /** Empty when absent. */
  text(key: string): string;
  number(key: string): number | undefined;
  flag(key: string, otherwise: boolean): boolean;
  texts(key: string): readonly string[];
  map(key: string): Readonly<Record<string, string>>;
  blocks(key: string): readonly Config[];
  durationMs(key: string): number | undefined;
}

/** Every problem at once: unknown keys with the nearest known one, missing keys, values of another kind. */
export function checkConfig(driver: string, shape: ConfigShape, config: Config): readonly Failure[] {
  const known = Object.keys(shape);
  const failures: Failure[] = [];
  for (const [key, value] of Object.entries(config)) {
    const row = Object.hasOwn(shape, key) ? shape[key] : undefined;
    if (row === undefined) {
      const close = nearest(key, known);
      const hint = close === undefined ? `known keys: ${known.join(", ")}` : `did you mean ${close}?`;
      failures.push(fail("UNKNOWN_KEY", `${driver} config has no key ${JSON.stringify(key)}`, hint).error);
    } else if (!fits(row.kind, value)) {
      const got = JSON.stringify(value) ?? "nothing";
      failures.push(fail("BAD_VALUE", `${driver} config: ${key} must be ${EXPECTED[row.kind]}, got ${got}`).error);
    }
  }
  for (const [key, row] of Object.entries(shape)) {
    if (row.required === true && isEmpty(config[key])) {
      failures.push(fail("MISSING_KEY", `${driver} config needs ${key}`, `add ${key} = … to the config block`).error);
    }
  }
  return failures;
}

/** Reads a config that passed {@link checkConfig}, after interpolation. */
export function readConfig(config: Config): ConfigReader {
  return {
    text: (key) => scalarText(config[key]) ?? "",
    number(key) {
      const text = scalarText(config[key]);
      return text === undefined || text === "" || Number.isNaN(Number(text)) ? undefined : Number(text);
    },
    flag: (key, otherwise) => flagOf(config[key]) ?? otherwise,
    texts: (key) => listOf(config[key]).flatMap((item) => scalarText(item) ?? []),
    map: (key) =>
      Object.fromEntries(
        objectsOf(config[key]).flatMap((block) =>
          Object.entries(block).flatMap(([name, value]): [string, string][] => {
            const text = scalarText(value);
            return text === undefined ? [] : [[name, text]];
          }),
        ),
      ),
    blocks: (key) => objectsOf(config[key]),
    durationMs(key) {
      const text = scalarText(config[key]);
      const ns = text === undefined ? undefined : parseDuration(text);
      return ns === undefined ? undefined : ns / 1e6;
    },
  };
}

const EXPECTED: Readonly<Record<ConfigKind, string>> = {
  text: "text",
  number: "a number",
  flag: "true or false",
  texts: "a list of texts",
  map: "a block of keys and texts",
  blocks: "a block",
  duration: 'a duration such as "30s"',
};

function fits(kind: ConfigKind, value: unknown): boolean {
  if (value === null) return true;
  // What is interpolated when the task starts cannot be judged before.
  if (typeof value === "string" && value.includes("${")) return kind !== "map" && kind !== "blocks";
  switch (kind) {
    case "text":
      return scalarText(value) !== undefined;
    case "number":
      return (typeof value === "number" || (typeof value === "string" && value !== "")) && !Number.isNaN(Number(value));
    case "flag":
      return flagOf(value) !== undefined;
    case "texts":
      return Array.isArray(value) && value.every((item) => scalarText(item) !== undefined);
    case "map":
      return (
        isBlock(value) &&
        objectsOf(value).every((each) => Object.values(each).every((v) => scalarText(v) !== undefined))
      );
    case "blocks":
      return isBlock(value);
    case "duration":
      return typeof value === "string" && parseDuration(value) !== undefined;
    default:
      return kind satisfies never;
  }
}

function scalarText(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  return typeof value === "number" || typeof value === "boolean" ? String(value) : undefined;
}

function flagOf(value: unknown): boolean | undefined {
  if (typeof value === "boolean") return value;
  if (value === "true" || value === "1" || value === 1) return true;
  return value === "false" || value === "0" || value === 0 ? false : undefined;
}

function isEmpty(value: unknown): boolean {
  return value === undefined || value === null || value === "";
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function isBlock(value: unknown): boolean {
  return isConfig(value) || (Array.isArray(value) && value.every(isConfig));
}

function objectsOf(value: unknown): readonly Config[] {
  if (isConfig(value)) return [value];
  return listOf(value).filter(isConfig);
}

function isConfig(value: unknown): value is Config {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
