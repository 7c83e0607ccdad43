import { fail, succeed, type Result } from "#base/env/errors.ts";
import { compileFilter } from "#base/language/filter/compile.ts";
import type { AuthMethod, BindingRule } from "#base/protocol/acl.ts";
import type { Claims } from "./verify-jwt.ts";

/** What selectors and names are made from. */
export interface Attributes {
  readonly value: Readonly<Record<string, string>>;
  readonly list: Readonly<Record<string, readonly string[]>>;
}

/** The claims an auth method maps: single ones as text, list-like ones as texts. Fails with `refused`. */
export function attributesOf(claims: Claims, { Config }: AuthMethod): Result<Attributes> {
  const value: [string, string][] = [];
  for (const [claim, name] of Object.entries(Config.ClaimMappings)) {
    const found = claimAt(claims, claim);
    if (found === undefined || found === null) continue;
    const text = textOf(found);
    if (text === undefined) return fail("refused", `claim ${JSON.stringify(claim)} is no text, number or boolean`);
    value.push([name, text]);
  }
  const list: [string, readonly string[]][] = [];
  for (const [claim, name] of Object.entries(Config.ListClaimMappings)) {
    const found = claimAt(claims, claim);
    if (found === undefined || found === null) continue;
    const items: readonly unknown[] = Array.isArray(found) ? found : [found];
    const texts = items.map(textOf);
    if (texts.includes(undefined)) return fail("refused", `claim ${JSON.stringify(claim)} is no list of texts`);
    list.push([name, texts.filter((each) => each !== undefined)]);
  }
  return succeed({ value: Object.fromEntries(value), list: Object.fromEntries(list) });
}

/** A claim by its name, or by a JSON pointer into it (RFC 6901). */
function claimAt(claims: Claims, path: string): unknown {
  if (Object.hasOwn(claims, path)) return claims[path];
  if (!path.startsWith("/")) return undefined;
  let at: unknown = claims;
  for (const part of path.slice(1).split("/")) {
    const key = part.replaceAll("~1", "/").replaceAll("~0", "~");
    if (typeof at !== "object" || at === null || !Object.hasOwn(at, key)) return undefined;
    at = Reflect.get(at, key);
  }
  return at;
}

function textOf(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  return typeof value === "number" || typeof value === "boolean" ? String(value) : undefined;
}

export interface Bindings {
  readonly management: boolean;
  readonly policies: readonly string[];
  /** Names. */
  readonly roles: readonly string[];
}

/** What the rules of an auth method bind to somebody. Rules whose names cannot be filled in bind nothing. */
export function bindingsOf(rules: readonly BindingRule[], attributes: Attributes): Bindings {
  const fitting = rules.filter(({ Selector }) => isSelected(Selector, attributes));
  const names = (type: BindingRule["BindType"]): string[] =>
    fitting.flatMap(({ BindType, BindName }) => (BindType === type ? (fillIn(BindName, attributes) ?? []) : []));
  return {
    management: fitting.some(({ BindType }) => BindType === "management"),
    policies: [...new Set(names("policy"))],
    roles: [...new Set(names("role"))],
  };
}

function isSelected(selector: string, attributes: Attributes): boolean {
  if (selector.trim() === "") return true;
  const filter = compileFilter(selector);
  return filter.ok && filter.value(attributes);
}

const PLACE = /\$\{\s*([^}]*?)\s*\}/g;

/** `eng-${value.team}` → `eng-red`; undefined when a name in it has no value. `more`: names without `value.`. */
export function fillIn(
  template: string,
  { value }: Attributes,
  more: Readonly<Record<string, string>> = {},
): string | undefined {
  let missing = false;
  const filled = template.replaceAll(PLACE, (_whole, name: string) => {
    const key = name.startsWith("value.") ? name.slice("value.".length) : undefined;
    const found = key === undefined ? own(more, name) : own(value, key);
    missing ||= found === undefined;
    return found ?? "";
  });
  return missing ? undefined : filled;
}

function own(record: Readonly<Record<string, string>>, key: string): string | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}
