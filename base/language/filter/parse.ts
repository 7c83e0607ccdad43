import { fail, succeed, type Result } from "#base/env/errors.ts";
import { lexFilter, type FilterToken } from "./lex.ts";
import type { Comparison, Filter, Selector } from "./syntax.ts";

/** Levels of parentheses, `not`, `any` and `all`. */
export const MAX_DEPTH = 100;
/** Operators in one filter. */
export const MAX_TERMS = 1000;

const EXAMPLE = 'for example: Name == "web" and "x" in Tags';

/** Reads a filter. Errors name the character. */
export function parseFilter(text: string): Result<Filter> {
  const tokens = lexFilter(text);
  if (!tokens.ok) return tokens;
  const reader: Reader = { tokens: tokens.value, index: 0, depth: 0, terms: 0 };
  const filter = readOr(reader);
  if (!filter.ok) return filter;
  return peek(reader).kind === "end" ? filter : wrong(reader, '"and", "or" or the end');
}

interface Reader {
  readonly tokens: readonly FilterToken[];
  index: number;
  depth: number;
  terms: number;
}

const END: FilterToken = { kind: "end", value: "", column: 1 };

function peek(reader: Reader, ahead = 0): FilterToken {
  return reader.tokens[reader.index + ahead] ?? reader.tokens.at(-1) ?? END;
}

function take(reader: Reader): FilterToken {
  const token = peek(reader);
  if (token.kind !== "end") reader.index++;
  return token;
}

function isWord(reader: Reader, word: string, ahead = 0): boolean {
  const token = peek(reader, ahead);
  return token.kind === "word" && token.value === word;
}

function acceptSign(reader: Reader, sign: string): boolean {
  const token = peek(reader);
  if (token.kind !== "sign" || token.value !== sign) return false;
  take(reader);
  return true;
}

function wrong(reader: Reader, expected: string): ReturnType<typeof fail> {
  const token = peek(reader);
  const found = token.kind === "end" ? "the end" : JSON.stringify(token.value);
  return fail("bad_filter", `expected ${expected}, found ${found} at character ${token.column}`, EXAMPLE);
}

function readOr(reader: Reader): Result<Filter> {
  return readChain(reader, "or", (inner) => readChain(inner, "and", readNot));
}

function readChain(reader: Reader, kind: "and" | "or", next: (reader: Reader) => Result<Filter>): Result<Filter> {
  let left = next(reader);
  while (left.ok && isWord(reader, kind)) {
    take(reader);
    if (++reader.terms > MAX_TERMS) return fail("bad_filter", `the filter has more than ${MAX_TERMS} terms`);
    const right = next(reader);
    if (!right.ok) return right;
    left = succeed({ kind, left: left.value, right: right.value });
  }
  return left;
}

function readNot(reader: Reader): Result<Filter> {
  if (reader.depth >= MAX_DEPTH) return fail("bad_filter", `the filter is nested more than ${MAX_DEPTH} levels deep`);
  reader.depth++;
  const result = readTerm(reader);
  reader.depth--;
  return result;
}

function readTerm(reader: Reader): Result<Filter> {
  if (isWord(reader, "not")) {
    take(reader);
    const inner = readNot(reader);
    return inner.ok ? succeed({ kind: "not", inner: inner.value }) : inner;
  }
  if (acceptSign(reader, "(")) {
    const inner = readOr(reader);
    if (!inner.ok) return inner;
    return acceptSign(reader, ")") ? inner : wrong(reader, '")"');
  }
  const quantified = (isWord(reader, "any") || isWord(reader, "all")) && peek(reader, 1).kind === "word";
  return quantified && !isWord(reader, "is", 1) ? readQuantifier(reader) : readComparison(reader);
}

/** `any Tags as tag { tag == "x" }` */
function readQuantifier(reader: Reader): Result<Filter> {
  const kind = take(reader).value === "any" ? "any" : "all";
  const selector = readSelector(reader);
  if (!selector.ok) return selector;
  if (!isWord(reader, "as")) return wrong(reader, '"as" and a name');
  take(reader);
  const first = peek(reader);
  if (first.kind !== "word") return wrong(reader, "a name");
  take(reader);
  let names: readonly [string] | readonly [string, string] = [first.value];
  if (acceptSign(reader, ",")) {
    const second = peek(reader);
    if (second.kind !== "word") return wrong(reader, "a second name");
    take(reader);
    names = [first.value, second.value];
  }
  if (!acceptSign(reader, "{")) return wrong(reader, '"{"');
  const inner = readOr(reader);
  if (!inner.ok) return inner;
  if (!acceptSign(reader, "}")) return wrong(reader, '"}"');
  return succeed({ kind, selector: selector.value, names, inner: inner.value });
}

/** `selector operator value`, or `value in selector`. */
function readComparison(reader: Reader): Result<Filter> {
  const start = reader.index;
  const value = readValue(reader);
  if (value !== undefined) {
    const negated = isWord(reader, "not") && isWord(reader, "in", 1);
    if (negated || isWord(reader, "in")) {
      reader.index += negated ? 2 : 1;
      const selector = readSelector(reader);
      if (!selector.ok) return selector;
      return succeed({ kind: "compare", selector: selector.value, operator: negated ? "not in" : "in", value });
    }
  }
  reader.index = start;
  const selector = readSelector(reader);
  if (!selector.ok) return selector;
  return readOperator(reader, selector.value);
}

function readOperator(reader: Reader, selector: Selector): Result<Filter> {
  const operator = takeOperator(reader);
  if (operator === undefined) {
    return wrong(reader, '"==", "!=", "in", "contains", "matches", "is empty" (or "not …", "is not empty")');
  }
  if (operator === "is empty" || operator === "is not empty")
    return succeed({ kind: "compare", selector, operator, value: "" });
  const value = readValue(reader);
  return value === undefined ? wrong(reader, "a value") : succeed({ kind: "compare", selector, operator, value });
}

const OPERATORS: readonly (readonly [words: readonly string[], operator: Comparison])[] = [
  [["=="], "=="],
  [["!="], "!="],
  [["contains"], "in"],
  [["not", "contains"], "not in"],
  [["matches"], "matches"],
  [["not", "matches"], "not matches"],
  [["is", "not", "empty"], "is not empty"],
  [["is", "empty"], "is empty"],
];

function takeOperator(reader: Reader): Comparison | undefined {
  for (const [words, operator] of OPERATORS) {
    const fits = words.every(
      (word, ahead) => peek(reader, ahead).value === word && peek(reader, ahead).kind !== "text",
    );
    if (!fits) continue;
    reader.index += words.length;
    return operator;
  }
  return undefined;
}

/** Quoted text, a number, or a bare word. */
function readValue(reader: Reader): string | undefined {
  const token = peek(reader);
  if (token.kind === "end" || token.kind === "sign") return undefined;
  take(reader);
  return token.value;
}

/** `A.B`, `A["b c"]`, `A[0]`, or a JSON pointer in quotes: `"/A/b"`. */
function readSelector(reader: Reader): Result<Selector> {
  const token = peek(reader);
  if (token.kind === "text" && token.value.startsWith("/")) {
    take(reader);
    return succeed(
      token.value
        .slice(1)
        .split("/")
        .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~")),
    );
  }
  if (token.kind !== "word") return wrong(reader, "the name of a field");
  const path = [take(reader).value];
  for (;;) {
    if (path.length > MAX_DEPTH) return fail("bad_filter", `a selector has more than ${MAX_DEPTH} parts`);
    if (acceptSign(reader, ".")) {
      const part = peek(reader);
      if (part.kind !== "word" && part.kind !== "number") return wrong(reader, 'a name after "."');
      // `.0.1` arrives as one number.
      path.push(...take(reader).value.split("."));
    } else if (acceptSign(reader, "[")) {
      const part = peek(reader);
      if (part.kind !== "text" && part.kind !== "number") return wrong(reader, "a key in double quotes or an index");
      path.push(take(reader).value);
      if (!acceptSign(reader, "]")) return wrong(reader, '"]"');
    } else {
      return succeed(path);
    }
  }
}
