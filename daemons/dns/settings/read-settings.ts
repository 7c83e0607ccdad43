import * as v from "valibot";
import { fail, messageOf, succeed, type Result } from "#base/env/errors.ts";
import { decodeFree } from "#base/language/hcl/decode/free.ts";
import { locate, type Diagnostic } from "#base/language/hcl/diagnostic.ts";
import { rootScope } from "#base/language/hcl/evaluate/root.ts";
import { isList, isMap, type Value } from "#base/language/hcl/evaluate/value.ts";
import { parseHcl } from "#base/language/hcl/parse.ts";
import { shapeProblem } from "#base/language/shape-problem.ts";
import { SettingsSchema, type Settings } from "./settings.ts";

/** JSON when it starts with `{`, else HCL with the same keys, in `snake_case` or as they are. */
export function readSettings(source: { readonly name: string; readonly text: string }): Result<Settings> {
  const raw = source.text.trimStart().startsWith("{") ? readJson(source) : readHclSettings(source);
  return raw.ok ? parseSettings(raw.value, source.name) : raw;
}

/** From any value; what is missing gets its default. */
export function parseSettings(raw: unknown, name: string): Result<Settings> {
  const parsed = v.safeParse(SettingsSchema, raw);
  if (parsed.success) return succeed(parsed.output);
  const [issue] = parsed.issues;
  const { message, hint } = shapeProblem(SettingsSchema, issue);
  return fail("dns_settings", `${name}: ${message}`, hint);
}

function readJson({ name, text }: { readonly name: string; readonly text: string }): Result<unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return succeed(value);
  } catch (thrown) {
    return fail("dns_settings", `${name} is no JSON: ${messageOf(thrown)}`);
  }
}

function readHclSettings(source: { readonly name: string; readonly text: string }): Result<unknown> {
  const parsed = parseHcl(source);
  const diagnostics: Diagnostic[] = [...parsed.diagnostics];
  if (diagnostics.length === 0) {
    const complain: Parameters<typeof rootScope>[0]["complain"] = (complaint) =>
      void diagnostics.push(locate(complaint, { source }));
    const decoded = decodeFree(parsed.node, rootScope({ source, functions: new Map(), complain }));
    if (diagnostics.length === 0) return succeed(plain(decoded, ""));
  }
  const [first] = diagnostics;
  return fail("dns_settings", first === undefined ? `${source.name} cannot be read` : first.message);
}

/** Sections are blocks, which may be written several times: one of them is meant. */
const SECTIONS = [
  "listen",
  "upstream",
  "local",
  "blocking",
  "specialDomains",
  "listUpdates",
  "cache",
  "limits",
  "log",
  "api",
];

function plain(value: Value, key: string): unknown {
  if (isMap(value)) {
    const entries = Object.entries(value).map(([name, each]): [string, unknown] => {
      const camel = name.replaceAll(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
      return [camel, plain(each, camel)];
    });
    return Object.fromEntries(entries);
  }
  if (!isList(value)) return value;
  const [only] = value;
  if (SECTIONS.includes(key) && value.length === 1 && only !== undefined) return plain(only, key);
  return value.map((each) => plain(each, ""));
}
