import { fail, succeed, type Result } from "#base/env/errors.ts";
import { compilePattern } from "./pattern.ts";
import { parseSemverConstraint, parseVersionConstraint } from "./version-constraint.ts";

/** Decided by a node's own values; `distinct_hosts` and `distinct_property` concern the whole job and are the scheduler's. */
export const VALUE_OPERATORS = [
  "=",
  "==",
  "is",
  "!=",
  "not",
  ">",
  ">=",
  "<",
  "<=",
  "regexp",
  "version",
  "semver",
  "set_contains",
  "set_contains_all",
  "set_contains_any",
  "is_set",
  "is_not_set",
] as const;
export const JOB_OPERATORS = ["distinct_hosts", "distinct_property"] as const;
const KNOWN: ReadonlySet<string> = new Set([...VALUE_OPERATORS, ...JOB_OPERATORS]);

export function isConstraintOperator(operator: string): boolean {
  return KNOWN.has(operator);
}

/** Both sides after interpolation; undefined: the node has no such attribute. */
export interface Sides {
  readonly left: string | undefined;
  readonly right: string | undefined;
}

/** Tests the two sides of a constraint. */
export type ConstraintTest = (sides: Sides) => boolean;

/**
 * The test an operator stands for (https://developer.hashicorp.com/nomad/docs/job-specification/constraint#operator). `right` must be
 * given for operators that compile it (regexp, version, semver). Fails on an unknown operator or a bad pattern.
 */
export function compileConstraint(operator: string, right: string): Result<ConstraintTest> {
  switch (operator) {
    case "regexp":
      return compileRegexp(right);
    case "version":
      return onLeft(parseVersionConstraint(right));
    case "semver":
      return onLeft(parseSemverConstraint(right));
    default: {
      const test = SIMPLE.get(operator);
      if (test !== undefined) return succeed(test);
      return fail(
        "bad_operator",
        `${JSON.stringify(operator)} is no constraint operator`,
        `known are ${[...KNOWN].join(", ")}`,
      );
    }
  }
}

const equal: ConstraintTest = ({ left, right }) => left !== undefined && left === right;
/** Also true where the attribute is missing. */
const different: ConstraintTest = ({ left, right }) => left !== right;
const containsAll: ConstraintTest = ({ left, right }) =>
  left !== undefined && right !== undefined && isSubset(members(right), members(left));
const containsAny: ConstraintTest = ({ left, right }) =>
  left !== undefined && right !== undefined && !members(left).isDisjointFrom(members(right));

const SIMPLE: ReadonlyMap<string, ConstraintTest> = new Map<string, ConstraintTest>([
  ["=", equal],
  ["==", equal],
  ["is", equal],
  ["!=", different],
  ["not", different],
  ["<", ordered((order) => order < 0)],
  ["<=", ordered((order) => order <= 0)],
  [">", ordered((order) => order > 0)],
  [">=", ordered((order) => order >= 0)],
  ["set_contains", containsAll],
  ["set_contains_all", containsAll],
  ["set_contains_any", containsAny],
  ["is_set", ({ left }) => left !== undefined],
  ["is_not_set", ({ left }) => left === undefined],
]);

/** Numbers by value where both sides are numbers, otherwise by their characters. */
function ordered(holds: (order: number) => boolean): ConstraintTest {
  return ({ left, right }) => left !== undefined && right !== undefined && holds(compare(left, right));
}

const NUMBER = /^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$/;

function compare(a: string, b: string): number {
  if (NUMBER.test(a) && NUMBER.test(b)) return Number(a) - Number(b);
  return a < b ? -1 : a > b ? 1 : 0;
}

function isSubset(inner: ReadonlySet<string>, outer: ReadonlySet<string>): boolean {
  return [...inner].every((each) => outer.has(each));
}

function members(list: string): Set<string> {
  return new Set(list.split(",").map((each) => each.trim()));
}

function compileRegexp(pattern: string): Result<ConstraintTest> {
  const regex = compilePattern(pattern);
  if (!regex.ok) return regex;
  return succeed(({ left }) => left !== undefined && regex.value.matcher(left).find());
}

function onLeft(test: Result<(version: string) => boolean>): Result<ConstraintTest> {
  if (!test.ok) return test;
  return succeed(({ left }) => left !== undefined && test.value(left));
}
