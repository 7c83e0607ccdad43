import { compareStrings } from "../../format/map-order.ts";
import { sprintf } from "../../format/sprintf.ts";
import { plain, typeOf } from "../../type-of.ts";
import { GoComplex, GoError, GoFloat32, GoInteger, GoNil, GoObject, type GoValue } from "../../value.ts";
import type { Evaluated } from "../frame.ts";

/** What can be compared, by Go's kinds; `other` only with `eq`, and only with its like. */
type Comparable =
  | { readonly kind: "bool"; readonly value: boolean }
  | { readonly kind: "int" | "uint"; readonly value: bigint }
  | { readonly kind: "float"; readonly value: number }
  | { readonly kind: "string"; readonly value: string }
  | { readonly kind: "complex"; readonly value: GoComplex }
  | { readonly kind: "other" };

const badType = new GoError("invalid type for comparison");

/** Whether the first equals any of the others. */
export function equal(first: Evaluated, others: readonly Evaluated[]): boolean | GoError {
  if (others.length === 0) return new GoError("missing argument for comparison");
  for (const other of others) {
    const result = equalPair(first ?? undefined, other ?? undefined);
    if (result !== false) return result;
  }
  return false;
}

export function notEqual(first: Evaluated, second: Evaluated): boolean | GoError {
  const result = equal(first, [second]);
  return result instanceof GoError ? result : !result;
}

export function less(first: Evaluated, second: Evaluated): boolean | GoError {
  const a = comparable(first);
  const b = comparable(second);
  if (a.kind === "other" || b.kind === "other") return badType;
  const isInteger = (kind: string): boolean => kind === "int" || kind === "uint";
  if (a.kind !== b.kind && !(isInteger(a.kind) && isInteger(b.kind))) return incompatible(first, second);
  if (a.kind === "string" && b.kind === "string") return compareStrings(a.value, b.value) < 0;
  if (a.kind === "bool" || a.kind === "complex" || b.kind === "bool" || b.kind === "complex") return badType;
  return a.value < b.value;
}

export function lessOrEqual(first: Evaluated, second: Evaluated): boolean | GoError {
  const result = less(first, second);
  return result === false ? equal(first, [second]) : result;
}

export function greater(first: Evaluated, second: Evaluated): boolean | GoError {
  const result = lessOrEqual(first, second);
  return result instanceof GoError ? result : !result;
}

export function greaterOrEqual(first: Evaluated, second: Evaluated): boolean | GoError {
  const result = less(first, second);
  return result instanceof GoError ? result : !result;
}

function equalPair(first: GoValue | undefined, second: GoValue | undefined): boolean | GoError {
  const a = comparable(first);
  const b = comparable(second);
  if (a.kind === "other" && b.kind === "other") return equalOthers(first, second);
  if (a.kind === "complex" && b.kind === "complex") {
    return a.value.real === b.value.real && a.value.imaginary === b.value.imaginary;
  }
  const integers = (a.kind === "int" && b.kind === "uint") || (a.kind === "uint" && b.kind === "int");
  if (a.kind !== b.kind && !integers)
    return first === undefined || second === undefined ? false : incompatible(first, second);
  return a.kind !== "other" && b.kind !== "other" && a.value === b.value;
}

function incompatible(first: Evaluated, second: Evaluated): GoError {
  const [a, b] = [typeOf(first ?? null), typeOf(second ?? null)];
  return new GoError(`incompatible types for comparison: ${a.name} and ${b.name}`);
}

function equalOthers(first: GoValue | undefined, second: GoValue | undefined): boolean | GoError {
  if (first !== undefined && second !== undefined && typeOf(first).kind !== typeOf(second).kind) {
    const [a, b] = [typeOf(first).name, typeOf(second).name];
    return new GoError(sprintf("non-comparable types %s: %v, %s: %v", [first, a, b, second]));
  }
  const [noFirst, noSecond] = [isNil(first), isNil(second)];
  if (noFirst || noSecond) return noFirst === noSecond;
  if (second === undefined || first === undefined) return false;
  if (["slice", "map", "func"].includes(typeOf(second).kind)) {
    return new GoError(sprintf("non-comparable type %s: %v", [second, typeOf(second).name]));
  }
  return first instanceof GoObject && second instanceof GoObject ? first.equals(second) : first === second;
}

function isNil(value: GoValue | undefined): boolean {
  return value === undefined || value === null || value instanceof GoNil;
}

function comparable(value: Evaluated): Comparable {
  if (value === undefined || value === null) return { kind: "other" };
  const bare = plain(value);
  switch (typeof bare) {
    case "boolean":
      return { kind: "bool", value: bare };
    case "bigint":
      return { kind: "int", value: bare };
    case "number":
      return { kind: "float", value: bare };
    case "string":
      return { kind: "string", value: bare };
    default:
      if (bare instanceof GoInteger) {
        return { kind: bare.type.kind.startsWith("uint") ? "uint" : "int", value: bare.value };
      }
      if (bare instanceof GoFloat32) return { kind: "float", value: bare.value };
      return bare instanceof GoComplex ? { kind: "complex", value: bare } : { kind: "other" };
  }
}
