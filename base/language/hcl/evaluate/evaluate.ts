import type { Binary, Conditional, Expression, ObjectConstructor, Tuple, Unary } from "../ast.ts";
import { evaluateCall } from "./call.ts";
import { toFlag, toText } from "./convert.ts";
import { evaluateForObject, evaluateForTuple } from "./for.ts";
import { applyBinary, applyUnary } from "./operators.ts";
import { costOf, fault, spend, type Scope } from "./scope.ts";
import { evaluateTemplate } from "./template.ts";
import { evaluateSplat, evaluateTraversal } from "./traversal.ts";
import { mapOf, typeName, type Value } from "./value.ts";

/** The value of an expression; undefined when it failed, and then `scope.complain` was told why. Never throws. */
export function evaluate(expression: Expression, scope: Scope): Value | undefined {
  if (!spend(scope, expression, 1)) return undefined;
  switch (expression.kind) {
    case "literal":
      return expression.value;
    case "template":
      return evaluateTemplate(expression, scope);
    case "tuple":
      return evaluateTuple(expression, scope);
    case "object":
      return evaluateObject(expression, scope);
    case "for-tuple":
      return evaluateForTuple(expression, scope);
    case "for-object":
      return evaluateForObject(expression, scope);
    case "variable":
    case "get-attribute":
    case "get-index":
      return evaluateTraversal(expression, scope);
    case "splat":
      return evaluateSplat(expression, scope);
    case "splat-item":
      return scope.item;
    case "call":
      return evaluateCall(expression, scope);
    case "unary":
      return evaluateUnary(expression, scope);
    case "binary":
      return evaluateBinary(expression, scope);
    case "conditional":
      return evaluateConditional(expression, scope);
    case "parentheses":
      return evaluate(expression.inner, scope);
    case "bad":
      return undefined;
    default:
      return expression satisfies never;
  }
}

function evaluateTuple(node: Tuple, scope: Scope): Value | undefined {
  const items: Value[] = [];
  for (const item of node.items) {
    const value = evaluate(item, scope);
    if (value !== undefined) items.push(value);
  }
  return items.length === node.items.length ? items : undefined;
}

function evaluateObject(node: ObjectConstructor, scope: Scope): Value | undefined {
  const entries = new Map<string, Value>();
  let failed = false;
  for (const item of node.items) {
    const key = evaluate(item.key, scope);
    const value = evaluate(item.value, scope);
    const name = key === undefined ? undefined : toText(key);
    if (key !== undefined && name === undefined) {
      fault(scope, item.key, { message: `a key must be a string, this is ${typeName(key)}` });
    }
    if (name === undefined || value === undefined) failed = true;
    else entries.set(name, value);
  }
  return failed ? undefined : mapOf(entries);
}

function evaluateUnary(node: Unary, scope: Scope): Value | undefined {
  const operand = evaluate(node.operand, scope);
  if (operand === undefined) return undefined;
  const result = applyUnary(node.operator, operand);
  return typeof result === "object" ? fault(scope, node.operand, result) : result;
}

function evaluateBinary(node: Binary, scope: Scope): Value | undefined {
  const left = evaluate(node.left, scope);
  if (left === undefined) return undefined;
  // The right side of a decided && or || is not looked at, so that it may depend on the left one.
  if (node.operator === "&&" && toFlag(left) === false) return false;
  if (node.operator === "||" && toFlag(left) === true) return true;
  const right = evaluate(node.right, scope);
  if (right === undefined) return undefined;
  if (!spend(scope, node, costOf(left) + costOf(right))) return undefined;
  const result = applyBinary(node.operator, left, right);
  if (typeof result !== "object") return result;
  return fault(scope, result.side === "left" ? node.left : node.right, result);
}

function evaluateConditional(node: Conditional, scope: Scope): Value | undefined {
  const condition = evaluate(node.condition, scope);
  if (condition === undefined) return undefined;
  const chosen = toFlag(condition);
  if (chosen !== undefined) return evaluate(chosen ? node.then : node.otherwise, scope);
  return fault(scope, node.condition, { message: `a condition must be true or false, this is ${typeName(condition)}` });
}
