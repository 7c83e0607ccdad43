import { fail, succeed, type Result } from "#base/env/errors.ts";
import { compilePattern } from "../pattern.ts";
import { parseFilter } from "./parse.ts";
import type { Comparison, Filter, Selector } from "./syntax.ts";

/** True for items that the filter keeps. */
export type FilterPredicate = (item: unknown) => boolean;

/**
 * A filter expression → a predicate over JSON values. What a selector does not find is empty and equals nothing. Numbers and flags
 * are compared as such, everything else as text; `matches` runs on a linear-time engine. The predicate never throws.
 */
export function compileFilter(text: string): Result<FilterPredicate> {
  const filter = parseFilter(text);
  if (!filter.ok) return filter;
  const test = compile(filter.value);
  return test.ok ? succeed((item) => test.value({ item, names: undefined })) : test;
}

/** Names that `any` and `all` bound, innermost first. */
interface Names {
  readonly name: string;
  readonly value: unknown;
  readonly outer: Names | undefined;
}
interface Context {
  readonly item: unknown;
  readonly names: Names | undefined;
}
type Test = (context: Context) => boolean;

function compile(filter: Filter): Result<Test> {
  switch (filter.kind) {
    case "and":
    case "or": {
      const left = compile(filter.left);
      const right = compile(filter.right);
      if (!left.ok) return left;
      if (!right.ok) return right;
      const [a, b] = [left.value, right.value];
      return succeed(
        filter.kind === "and" ? (context) => a(context) && b(context) : (context) => a(context) || b(context),
      );
    }
    case "not": {
      const inner = compile(filter.inner);
      return inner.ok ? succeed((context) => !inner.value(context)) : inner;
    }
    case "any":
    case "all": {
      const inner = compile(filter.inner);
      if (!inner.ok) return inner;
      return succeed((context) => {
        const rounds = roundsOf(find(filter.selector, context), filter.names, context);
        return filter.kind === "any" ? rounds.some(inner.value) : rounds.every(inner.value);
      });
    }
    case "compare":
      return compileComparison(filter);
    default:
      return filter satisfies never;
  }
}

function roundsOf(
  value: unknown,
  names: readonly [string] | readonly [string, string],
  outer: Context,
): readonly Context[] {
  const bind = (name: string, bound: unknown, context: Context): Context => ({
    item: context.item,
    names: { name, value: bound, outer: context.names },
  });
  const [first, second] = names;
  if (Array.isArray(value)) {
    const items: readonly unknown[] = value;
    return items.map((each, index) =>
      second === undefined ? bind(first, each, outer) : bind(second, each, bind(first, index, outer)),
    );
  }
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).map(([key, each]) => {
    const inner = bind(first, key, outer);
    return second === undefined ? inner : bind(second, each, inner);
  });
}

function compileComparison(filter: {
  readonly selector: Selector;
  readonly operator: Comparison;
  readonly value: string;
}): Result<Test> {
  const { selector, operator, value } = filter;
  switch (operator) {
    case "==":
      return succeed((context) => equals(find(selector, context), value));
    case "!=":
      return succeed((context) => !equals(find(selector, context), value));
    case "in":
      return succeed((context) => contains(find(selector, context), value));
    case "not in":
      return succeed((context) => !contains(find(selector, context), value));
    case "is empty":
      return succeed((context) => isEmpty(find(selector, context)));
    case "is not empty":
      return succeed((context) => !isEmpty(find(selector, context)));
    case "matches":
    case "not matches":
      return compileMatch(selector, value, operator === "matches");
    default:
      return operator satisfies never;
  }
}

function compileMatch(selector: Selector, pattern: string, wanted: boolean): Result<Test> {
  const regex = compilePattern(pattern);
  if (!regex.ok) return fail("bad_filter", regex.error.message);
  return succeed((context) => {
    const found = find(selector, context);
    return (typeof found === "string" && regex.value.matcher(found).find()) === wanted;
  });
}

/** Undefined when there is nothing at the end of the way. */
function find(selector: Selector, { item, names }: Context): unknown {
  const [first = "", ...rest] = selector;
  for (let bound = names; bound !== undefined; bound = bound.outer)
    if (bound.name === first) return follow(bound.value, rest);
  return follow(item, selector);
}

function follow(start: unknown, path: Selector): unknown {
  let at = start;
  for (const part of path) {
    if (typeof at !== "object" || at === null || !Object.hasOwn(at, part)) return undefined;
    at = Reflect.get(at, part);
  }
  return at;
}

function equals(found: unknown, wanted: string): boolean {
  if (typeof found === "string") return found === wanted;
  if (typeof found === "number") return wanted.trim() !== "" && found === Number(wanted);
  if (typeof found === "boolean")
    return String(found) === wanted || (wanted === "1" && found) || (wanted === "0" && !found);
  return typeof found === "bigint" && String(found) === wanted;
}

/** Elements of a list, keys of an object, parts of a text. */
function contains(found: unknown, wanted: string): boolean {
  if (typeof found === "string") return found.includes(wanted);
  if (Array.isArray(found)) return found.some((each: unknown) => equals(each, wanted));
  return typeof found === "object" && found !== null && Object.hasOwn(found, wanted);
}

function isEmpty(found: unknown): boolean {
  if (found === undefined || found === null || found === "") return true;
  if (Array.isArray(found)) return found.length === 0;
  return typeof found === "object" && Object.keys(found).length === 0;
}
