import type { RE2JS } from "re2js";
import { compilePattern } from "../../pattern.ts";
import { MAX_TEXT } from "../evaluate/scope.ts";
import { mapOf, type Value } from "../evaluate/value.ts";
import { Fault, type Given } from "./function.ts";

/** Patterns of users run on a linear-time engine. */
export function withRegex(pattern: string, use: (regex: RE2JS) => Given): Given {
  const regex = compilePattern(pattern);
  return regex.ok ? use(regex.value) : new Fault(regex.error.message);
}

type Matcher = ReturnType<RE2JS["matcher"]>;

export function firstMatch(regex: RE2JS, s: string): Given {
  const matcher = regex.matcher(s);
  return matcher.find() ? matched(regex, matcher) : new Fault("the pattern does not match the text");
}

export function allMatches(regex: RE2JS, s: string): Given {
  const matcher = regex.matcher(s);
  const all: Value[] = [];
  while (matcher.find()) all.push(matched(regex, matcher));
  return all;
}

/** Without groups the text itself, with groups a list of them, with named groups an object. */
function matched(regex: RE2JS, matcher: Matcher): Value {
  const named = Object.keys(regex.namedGroups());
  if (named.length > 0) return mapOf(named.map((name) => [name, matcher.group(name) ?? null]));
  if (regex.groupCount() === 0) return matcher.group() ?? "";
  return Array.from({ length: regex.groupCount() }, (_, index) => matcher.group(index + 1) ?? null);
}

const REFERENCE = /\$(?:\$|(\w+)|\{(\w+)\})/g;

/** In the replacement `$1`, `${1}`, `$name` and `${name}` are groups, `$0` is the whole match, `$$` a dollar sign. */
export function replaceMatches(regex: RE2JS, s: string, by: string): Given {
  const names = new Set(Object.keys(regex.namedGroups()));
  const matcher = regex.matcher(s);
  let result = "";
  let done = 0;
  while (matcher.find()) {
    const group = (name: string): string => {
      if (names.has(name)) return matcher.group(name) ?? "";
      const number = /^\d+$/.test(name) ? Number(name) : -1;
      return number >= 0 && number <= regex.groupCount() ? (matcher.group(number) ?? "") : "";
    };
    const filled = by.replace(REFERENCE, (all: string, plain: string | undefined, braced: string | undefined) =>
      all === "$$" ? "$" : group(plain ?? braced ?? ""),
    );
    result += s.slice(done, matcher.start()) + filled;
    done = matcher.end();
    if (result.length > MAX_TEXT) return new Fault("the result is too long");
  }
  return result + s.slice(done);
}
