import { RE2JS } from "re2js";

/** Whether `left OPERAND right` holds; a side is undefined where the node has no such value. */
export function checkConstraint(operand: string, left: string | undefined, right: string | undefined): boolean {
  if (operand === "is_set") return left !== undefined;
  if (operand === "is_not_set") return left === undefined;
  if (operand === "!=" || operand === "not") return left !== right;
  if (left === undefined || right === undefined) return false;
  switch (operand) {
    case "=":
    case "==":
    case "is":
      return left === right;
    case "<":
      return compare(left, right) < 0;
    case "<=":
      return compare(left, right) <= 0;
    case ">":
      return compare(left, right) > 0;
    case ">=":
      return compare(left, right) >= 0;
    case "regexp":
      return RE2JS.compile(right).matcher(left).find();
    case "set_contains":
    case "set_contains_all":
      return items(right).every((item) => items(left).includes(item));
    case "set_contains_any":
      return items(right).some((item) => items(left).includes(item));
    default:
      return false;
  }
}

/** As numbers where both are, else as text. */
function compare(left: string, right: string): number {
  const [a, b] = [Number(left), Number(right)];
  if (left.trim() !== "" && right.trim() !== "" && !Number.isNaN(a) && !Number.isNaN(b)) return a - b;
  return left < right ? -1 : left > right ? 1 : 0;
}

function items(text: string): string[] {
  return text.split(",").map((item) => item.trim());
}
