import type { BinaryOperator } from "../ast.ts";
import { toFlag, toNumber } from "./convert.ts";
import type { Problem } from "./scope.ts";
import { equal, typeName, type Value } from "./value.ts";

export interface OperandProblem extends Problem {
  readonly side: "left" | "right";
}

export function applyUnary(operator: "-" | "!", operand: Value): number | boolean | Problem {
  if (operator === "!") {
    const flag = toFlag(operand);
    return flag === undefined ? { message: `"!" needs a bool, this is ${typeName(operand)}` } : !flag;
  }
  const number = toNumber(operand);
  return number === undefined ? { message: `"-" needs a number, this is ${typeName(operand)}` } : -number;
}

export function applyBinary(operator: BinaryOperator, left: Value, right: Value): number | boolean | OperandProblem {
  if (operator === "==") return equal(left, right);
  if (operator === "!=") return !equal(left, right);
  if (operator === "&&" || operator === "||") {
    const a = toFlag(left);
    const b = toFlag(right);
    if (a === undefined) return { side: "left", message: `"${operator}" needs bools, this is ${typeName(left)}` };
    if (b === undefined) return { side: "right", message: `"${operator}" needs bools, this is ${typeName(right)}` };
    return operator === "&&" ? a && b : a || b;
  }
  const a = toNumber(left);
  const b = toNumber(right);
  if (a === undefined) return { side: "left", message: `"${operator}" needs numbers, this is ${describe(left)}` };
  if (b === undefined) return { side: "right", message: `"${operator}" needs numbers, this is ${describe(right)}` };
  return calculate(operator, a, b);
}

type Arithmetic = Exclude<BinaryOperator, "==" | "!=" | "&&" | "||">;

function calculate(operator: Arithmetic, a: number, b: number): number | boolean | OperandProblem {
  switch (operator) {
    case "<":
      return a < b;
    case ">":
      return a > b;
    case "<=":
      return a <= b;
    case ">=":
      return a >= b;
    case "+":
      return a + b;
    case "-":
      return a - b;
    case "*":
      return a * b;
    case "/":
      return b === 0 ? { side: "right", message: "division by zero" } : a / b;
    case "%":
      return b === 0 ? { side: "right", message: "division by zero" } : a % b;
    default:
      return operator satisfies never;
  }
}

function describe(value: Value): string {
  return typeof value === "string" ? `the string ${JSON.stringify(value)}` : typeName(value);
}
