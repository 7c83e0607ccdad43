import type { Call, Expression } from "../ast.ts";
import type { Complaint } from "../diagnostic.ts";
import type { SourceText, Span } from "../source.ts";
import type { HclFunction } from "../functions/function.ts";
import { isList, isMap, type Value } from "./value.ts";

/** What one file may cost: a node is 1, a call also the elements (or 64 characters) it is given and gives. Loops over loops end here. */
export const MAX_STEPS = 2_000_000;
/** Characters of one text. */
export const MAX_TEXT = 16 * 1024 * 1024;

/** What an expression may refer to, and where its complaints go. */
export interface Scope {
  readonly source: SourceText;
  readonly variables: ReadonlyMap<string, Value>;
  /** Names bound by `for` and `dynamic`, innermost first. */
  readonly bound: Binding | undefined;
  /** The element a splat is at. */
  readonly item: Value | undefined;
  readonly functions: ReadonlyMap<string, HclFunction>;
  /**
   * Names that mean nothing yet are left as text: `${attr.kernel.name}` stays `${attr.kernel.name}`, to be filled in where
   * the task runs. False: they are mistakes.
   */
  readonly deferUnknown: boolean;
  readonly complain: (complaint: Complaint) => void;
  readonly budget: Budget;
  /** The recursion, handed in so that its parts can live in files of their own. */
  readonly evaluate: Evaluate;
}

export interface Budget {
  steps: number;
  /** {@link MAX_STEPS}, or less where others wait. */
  readonly maxSteps: number;
  reported: boolean;
  /** The root's: also heard where `try` and `can` listen to nothing else. */
  readonly complain: (complaint: Complaint) => void;
}

export interface Binding {
  readonly name: string;
  readonly value: Value;
  readonly outer: Binding | undefined;
}

/** Undefined: it failed, and a complaint says why. */
export type Evaluate = (expression: Expression, scope: Scope) => Value | undefined;
export type EvaluateCall = (call: Call, scope: Scope) => Value | undefined;

export function bind(scope: Scope, name: string, value: Value): Scope {
  return { ...scope, bound: { name, value, outer: scope.bound } };
}

export function lookUp(scope: Scope, name: string): Value | undefined {
  for (let binding = scope.bound; binding !== undefined; binding = binding.outer) {
    if (binding.name === name) return binding.value;
  }
  return scope.variables.get(name);
}

/** False: the budget is used up; it has been complained about once. */
export function spend({ budget }: Scope, span: Span, amount: number): boolean {
  budget.steps += amount;
  if (budget.steps <= budget.maxSteps) return true;
  if (!budget.reported) {
    const message = `this needs more than ${budget.maxSteps} evaluation steps`;
    budget.complain({ code: "hcl_value", message, span: { start: span.start, end: span.end } });
  }
  budget.reported = true;
  return false;
}

/** What handling a value costs. */
export function costOf(value: Value): number {
  if (typeof value === "string") return value.length >> 6;
  if (isList(value)) return value.length;
  return isMap(value) ? Object.keys(value).length : 0;
}

export interface Problem {
  readonly message: string;
  readonly hint?: string | undefined;
}

/** Complains, and yields the value of what failed. */
export function fault(scope: Scope, span: Span, problem: Problem): undefined {
  const { message, hint } = problem;
  const base = { code: "hcl_value", message, span: { start: span.start, end: span.end } };
  scope.complain(hint === undefined ? base : { ...base, hint });
  return undefined;
}
