import { isMap, isSlice, typeOf } from "./type-of.ts";
import {
  anyMapType,
  anySliceType,
  anyType,
  boolType,
  float64Type,
  int64Type,
  intType,
  stringSliceType,
  stringType,
  uintType,
  type GoType,
} from "./type.ts";
import { GoInteger, type GoKey, type GoObject, type GoValue, type Param } from "./value.ts";

/** `interface {}`: everything; nil is `null`. */
export const takeAny: Param<GoValue> = { type: anyType, take: (value) => value };
export const takeString: Param<string> = {
  type: stringType,
  take: (value) => (typeof value === "string" ? value : undefined),
};
export const takeBool: Param<boolean> = {
  type: boolType,
  take: (value) => (typeof value === "boolean" ? value : undefined),
};
export const takeInt: Param<bigint> = {
  type: intType,
  take: (value) => (typeof value === "bigint" ? value : undefined),
};
export const takeInt64: Param<bigint> = takeInteger(int64Type);
export const takeUint: Param<bigint> = takeInteger(uintType);
export const takeFloat: Param<number> = {
  type: float64Type,
  take: (value) => (typeof value === "number" ? value : undefined),
};
/** `[]interface {}`. */
export const takeSlice: Param<readonly GoValue[]> = takeSliceOf(anySliceType);
/** `[]string`. */
export const takeStrings: Param<readonly string[]> = {
  type: stringSliceType,
  take: (value) =>
    takeSliceOf(stringSliceType)
      .take(value)
      ?.filter((item) => typeof item === "string"),
};
/** `map[string]interface {}`. */
export const takeMap: Param<ReadonlyMap<GoKey, GoValue>> = takeMapOf(anyMapType);
/** An integer type other than int, as its number. */
export function takeInteger(type: GoType): Param<bigint> {
  return {
    type,
    take: (value) => (value instanceof GoInteger && value.type.name === type.name ? value.value : undefined),
  };
}

/** Slices of exactly the type, and those of the same elements where one of the two types has no name of its own. */
export function takeSliceOf(type: GoType): Param<readonly GoValue[]> {
  return {
    type,
    take: (value) => {
      if (value === null) return [];
      return isSlice(value) && isAssignable(typeOf(value), type) ? value : undefined;
    },
  };
}

export function takeMapOf(type: GoType): Param<ReadonlyMap<GoKey, GoValue>> {
  return {
    type,
    take: (value) => {
      if (value === null) return new Map<GoKey, GoValue>();
      return isMap(value) && isAssignable(typeOf(value), type) ? value : undefined;
    },
  };
}

/** An object of one class, of which `type` is the Go type: `takeObject(CatalogService, catalogServicePointer)`. */
export function takeObject<Instance extends GoObject>(
  type: GoType,
  made: abstract new (...args: never[]) => Instance,
): Param<Instance> {
  return { type, take: (value) => (value instanceof made && value.type.name === type.name ? value : undefined) };
}

/** Go's assignability of slices and maps: identical, or identical underneath and one side unnamed. */
export function isAssignable(from: GoType, to: GoType): boolean {
  if (from.name === to.name || to.kind === "interface") return true;
  if (from.kind !== to.kind || from.elem?.name !== to.elem?.name || from.key?.name !== to.key?.name) return false;
  if (from.elem === undefined) return false;
  return isUnnamed(from) || isUnnamed(to);
}

function isUnnamed(type: GoType): boolean {
  return type.name.startsWith("[]") || type.name.startsWith("map[");
}
