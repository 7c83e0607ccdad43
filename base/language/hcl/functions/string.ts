import { MAX_TEXT } from "../evaluate/scope.ts";
import { isList } from "../evaluate/value.ts";
import { Fault, list, many, one, text, texts, three, two, whole, type Given, type HclFunction } from "./function.ts";
import { allMatches, firstMatch, replaceMatches, withRegex } from "./regex.ts";

export const stringFunctions: Readonly<Record<string, HclFunction>> = {
  upper: one(text, (s) => s.toUpperCase()),
  lower: one(text, (s) => s.toLowerCase()),
  title: one(text, (s) =>
    s.replace(/(^|[^\p{L}\p{N}_'])(\p{L})/gu, (_, before: string, letter: string) => before + letter.toUpperCase()),
  ),
  chomp: one(text, (s) => s.replace(/(\r?\n)+$/, "")),
  trimspace: one(text, (s) => s.trim()),
  trim: two(text, text, (s, cut) => trimRight(trimLeft(s, cut), cut)),
  trimprefix: two(text, text, (s, prefix) => (s.startsWith(prefix) ? s.slice(prefix.length) : s)),
  trimsuffix: two(text, text, (s, suffix) => (suffix !== "" && s.endsWith(suffix) ? s.slice(0, -suffix.length) : s)),
  startswith: two(text, text, (s, prefix) => s.startsWith(prefix)),
  endswith: two(text, text, (s, suffix) => s.endsWith(suffix)),
  strcontains: two(text, text, (s, part) => s.includes(part)),
  strlen: one(text, (s) => graphemes(s).length),
  strrev: one(text, (s) => graphemes(s).reverse().join("")),
  substr: three({ a: text, b: whole, c: whole, run: substring }),
  split: two(text, text, (separator, s) => s.split(separator)),
  join: (values) => {
    const lists = values.slice(1);
    if (lists.length === 0) return { ok: false, message: "expected a separator and at least one list" };
    const all = lists.flatMap((each) => (isList(each) ? each : [each]));
    return two(text, texts, (separator, items) => items.join(separator))([values[0] ?? null, all]);
  },
  replace: three({ a: text, b: text, c: text, run: replaceText }),
  indent: two(whole, text, (width, s) =>
    width < 0 || width > MAX_INDENT
      ? new Fault(`expected 0 to ${MAX_INDENT} spaces`)
      : s.replaceAll("\n", `\n${" ".repeat(width)}`),
  ),
  regex: two(text, text, (pattern, s) => withRegex(pattern, (regex) => firstMatch(regex, s))),
  regexall: two(text, text, (pattern, s) => withRegex(pattern, (regex) => allMatches(regex, s))),
  regex_replace: three({
    a: text,
    b: text,
    c: text,
    run: (s, pattern, by) => withRegex(pattern, (regex) => replaceMatches(regex, s, by)),
  }),
  reverse: (values) =>
    isList(values[0] ?? null)
      ? one(list, (items) => items.toReversed())(values)
      : one(text, (s) => graphemes(s).reverse().join(""))(values),
  concat: many(list, (lists) => lists.flat()),
};

const MAX_INDENT = 1000;

function graphemes(s: string): string[] {
  return Array.from(new Intl.Segmenter("en", { granularity: "grapheme" }).segment(s), (each) => each.segment);
}

function trimLeft(s: string, cut: string): string {
  const characters = Array.from(s);
  const first = characters.findIndex((character) => !cut.includes(character));
  return first < 0 ? "" : characters.slice(first).join("");
}

function trimRight(s: string, cut: string): string {
  const characters = Array.from(s);
  return characters.slice(0, characters.findLastIndex((character) => !cut.includes(character)) + 1).join("");
}

/** A negative offset counts from the end; length -1 means the rest. */
function substring(s: string, offset: number, length: number): Given {
  const all = graphemes(s);
  const start = offset < 0 ? Math.max(0, all.length + offset) : offset;
  if (length < -1) return new Fault("the length must be -1 (the rest) or more");
  return all.slice(start, length === -1 ? undefined : start + length).join("");
}

/** A pattern between slashes is a regular expression. */
function replaceText(s: string, search: string, by: string): Given {
  if (search.length > 1 && search.startsWith("/") && search.endsWith("/")) {
    return withRegex(search.slice(1, -1), (regex) => replaceMatches(regex, s, by));
  }
  const result = s.replaceAll(search, () => by);
  return result.length > MAX_TEXT ? new Fault("the result is too long") : result;
}
