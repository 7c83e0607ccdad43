import type { Call, Expression } from "../ast.ts";
import { didYouMean } from "../../nearest.ts";
import { convertTo, readType } from "./type.ts";
import { costOf, fault, spend, type Scope } from "./scope.ts";
import { isList, typeName, type Value } from "./value.ts";

/** A function's value. `try`, `can` and `convert` see expressions instead of values, so they live here. */
export function evaluateCall(node: Call, scope: Scope): Value | undefined {
  if (node.name === "try") return evaluateTry(node, scope);
  if (node.name === "can") {
    const all = node.arguments.every((each) => attempt(each, scope) !== undefined);
    return scope.budget.reported ? undefined : all;
  }
  if (node.name === "convert") return evaluateConvert(node, scope);
  const definition = scope.functions.get(node.name);
  if (definition === undefined) {
    const hint = didYouMean(node.name, scope.functions.keys());
    return fault(scope, node.nameSpan, { message: `there is no function "${node.name}"`, hint });
  }
  const values = argumentValues(node, scope);
  if (values === undefined) return undefined;
  if (
    !spend(
      scope,
      node,
      values.reduce<number>((total, each) => total + costOf(each), 0),
    )
  )
    return undefined;
  const outcome = definition(values);
  if (outcome.ok && !spend(scope, node, costOf(outcome.value))) return undefined;
  if (outcome.ok) return outcome.value;
  const place = outcome.argument === undefined ? node : (node.arguments[outcome.argument] ?? node);
  return fault(scope, place, { message: `${node.name}: ${outcome.message}` });
}

function argumentValues(node: Call, scope: Scope): readonly Value[] | undefined {
  const values: Value[] = [];
  for (const [index, argument] of node.arguments.entries()) {
    const value = scope.evaluate(argument, scope);
    if (value === undefined) return undefined;
    if (!node.expandLast || index < node.arguments.length - 1) values.push(value);
    else if (isList(value)) values.push(...value);
    else return fault(scope, argument, { message: `"..." needs a list, this is ${typeName(value)}` });
  }
  return values;
}

/** Without complaining. */
function attempt(expression: Expression, scope: Scope): Value | undefined {
  return scope.evaluate(expression, { ...scope, complain: () => undefined });
}

function evaluateTry(node: Call, scope: Scope): Value | undefined {
  for (const argument of node.arguments) {
    const value = attempt(argument, scope);
    if (value !== undefined) return value;
  }
  return fault(scope, node, { message: "try: none of the arguments could be evaluated" });
}

function evaluateConvert(node: Call, scope: Scope): Value | undefined {
  const [first, second] = node.arguments;
  if (first === undefined || second === undefined || node.arguments.length > 2) {
    return fault(scope, node, { message: "convert: expected a value and a type" });
  }
  const value = scope.evaluate(first, scope);
  const type = readType(second);
  if (value === undefined) return undefined;
  if ("problem" in type) return fault(scope, type.span, { message: type.problem });
  const converted = convertTo(value, type);
  return converted.ok ? converted.value : fault(scope, first, { message: `convert: ${converted.message}` });
}
