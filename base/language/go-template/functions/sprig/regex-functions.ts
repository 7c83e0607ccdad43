import { GoError } from "../../value.ts";
import { f1, f2, f3, INT, STRING, strings, type Defined, type Outcome } from "../define.ts";
import { compileRegexp, quoteMeta, type Regexp } from "../text/regexp.ts";

/** sprig's regular expressions; each function has a twin whose name begins with `must`. Both give an error for a bad pattern. */
export const regexFunctions: readonly Defined[] = [
  f2("regexMatch", [STRING, STRING], (pattern, text) => {
    const regexp = compileRegexp(pattern);
    return regexp.ok && regexp.value.matches(text);
  }),
  f2("mustRegexMatch", [STRING, STRING], (pattern, text) => using(pattern, (regexp) => regexp.matches(text))),
  ...named("regexFind").map((name) =>
    f2(name, [STRING, STRING], (pattern, text) => using(pattern, (regexp) => regexp.find(text))),
  ),
  ...named("regexFindAll").map((name) =>
    f3(name, [STRING, STRING, INT], (pattern, text, limit) =>
      using(pattern, (regexp) => strings(regexp.findAll(text, Number(limit)))),
    ),
  ),
  ...named("regexReplaceAll").map((name) =>
    f3(name, [STRING, STRING, STRING], (pattern, text, by) => using(pattern, (regexp) => regexp.replaceAll(text, by))),
  ),
  ...named("regexReplaceAllLiteral").map((name) =>
    f3(name, [STRING, STRING, STRING], (pattern, text, by) =>
      using(pattern, (regexp) => regexp.replaceAllLiteral(text, by)),
    ),
  ),
  ...named("regexSplit").map((name) =>
    f3(name, [STRING, STRING, INT], (pattern, text, count) =>
      using(pattern, (regexp) => strings(regexp.split(text, Number(count)))),
    ),
  ),
  f1("regexQuoteMeta", [STRING], quoteMeta),
];

function named(name: string): readonly string[] {
  return [name, `mustR${name.slice(1)}`];
}

function using(pattern: string, run: (regexp: Regexp) => Outcome): Outcome {
  const regexp = compileRegexp(pattern);
  return regexp.ok ? run(regexp.value) : new GoError(regexp.error.message);
}
