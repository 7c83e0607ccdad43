import { typeOf } from "../../type-of.ts";
import type { GoValue } from "../../value.ts";
import { deepEqual } from "../compare.ts";
import { ANY, f1, f2, STRING, typeName, type Defined } from "../define.ts";

/** sprig's questions about types. */
export const reflectionFunctions: readonly Defined[] = [
  f1("typeOf", [ANY], typeName),
  f2("typeIs", [STRING, ANY], (name, value) => typeName(value) === name),
  f2("typeIsLike", [STRING, ANY], (name, value) => [name, `*${name}`].includes(typeName(value))),
  f1("kindOf", [ANY], kindOf),
  f2("kindIs", [STRING, ANY], (kind, value) => kindOf(value) === kind),
  f2("deepEqual", [ANY, ANY], deepEqual),
];

/** Go's word for the kind of a value (https://pkg.go.dev/reflect#Kind). */
export function kindOf(value: GoValue): string {
  if (value === null) return "invalid";
  const { kind } = typeOf(value);
  return kind === "pointer" ? "ptr" : kind;
}
