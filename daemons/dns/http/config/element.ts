import { fail, succeed, type Result } from "#base/env/errors.ts";
import type { Settings } from "../../settings/settings.ts";

/** One setting by Pi-hole's name, and what it is here. */
export interface Element {
  /** Dotted, as in `dns.blocking.mode`. */
  readonly path: string;
  readonly description: string;
  readonly type: "boolean" | "integer" | "string" | "string array" | "enum";
  readonly allowed?: readonly string[];
  readonly initial: unknown;
  /** It is kept and handed back, and means nothing here. */
  readonly isKept: boolean;
  read(settings: Settings): unknown;
  /** With the new value; `value` has the type. */
  write(settings: Settings, value: unknown): Result<Settings>;
}

interface ElementOf<T> {
  readonly path: string;
  readonly description: string;
  readonly initial: T;
  readonly read: (settings: Settings) => T;
  readonly write: (settings: Settings, value: T) => Result<Settings> | Settings;
}

function made<T>(
  { path, description, initial, read, write }: ElementOf<T>,
  kind: Pick<Element, "type" | "allowed">,
  is: (value: unknown) => value is T,
): Element {
  return {
    path,
    description,
    initial,
    ...kind,
    isKept: false,
    read,
    write: (settings, value) => {
      if (!is(value)) return wrongType(path, kind, value);
      const written = write(settings, value);
      return "ok" in written ? written : succeed(written);
    },
  };
}

function wrongType(path: string, { type, allowed }: Pick<Element, "type" | "allowed">, value: unknown): Result<never> {
  const expected = allowed === undefined ? type : `one of ${allowed.join(", ")}`;
  return fail("bad_request", `${path}: ${JSON.stringify(value)} is of another kind`, `expected ${expected}`);
}

export function flag(element: ElementOf<boolean>): Element {
  return made(element, { type: "boolean" }, (value): value is boolean => typeof value === "boolean");
}

export function integer(element: ElementOf<number>): Element {
  return made(
    element,
    { type: "integer" },
    (value): value is number => typeof value === "number" && Number.isInteger(value),
  );
}

export function text(element: ElementOf<string>): Element {
  return made(element, { type: "string" }, (value): value is string => typeof value === "string");
}

export function choice<const T extends string>(element: ElementOf<T> & { readonly allowed: readonly T[] }): Element {
  const { allowed } = element;
  return made(element, { type: "enum", allowed }, (value): value is T => allowed.some((one) => one === value));
}

export function texts(element: ElementOf<string[]>): Element {
  return made(
    element,
    { type: "string array" },
    (value): value is string[] => Array.isArray(value) && value.every((one: unknown) => typeof one === "string"),
  );
}

/** A setting of Pi-hole's with no counterpart. */
export function kept(path: string, initial: boolean | number | string | readonly string[]): Element {
  const type = typeof initial === "object" ? "string array" : typeOf(initial);
  const is = (value: unknown): boolean =>
    typeof initial === "object"
      ? Array.isArray(value) && value.every((one: unknown) => typeof one === "string")
      : typeof value === typeof initial;
  return {
    path,
    description: "Kept for programs that set it; it has no effect here",
    type,
    initial,
    isKept: true,
    read: (settings) => settings.api.kept[path] ?? initial,
    write: (settings, value) => {
      if (!is(value)) return wrongType(path, { type }, value);
      const others = Object.fromEntries(Object.entries(settings.api.kept).filter(([key]) => key !== path));
      const isInitial = JSON.stringify(value) === JSON.stringify(initial);
      const next = isInitial ? others : { ...others, [path]: value };
      return succeed({ ...settings, api: { ...settings.api, kept: next } });
    },
  };
}

function typeOf(value: boolean | number | string): "boolean" | "integer" | "string" {
  if (typeof value === "boolean") return "boolean";
  return typeof value === "number" ? "integer" : "string";
}
