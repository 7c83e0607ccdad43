import type { Result } from "#base/env/errors.ts";
import { goFunction, variadic } from "../function.ts";
import { takeAny, takeBool, takeFloat, takeInt, takeMap, takeSlice, takeString, takeStrings } from "../param.ts";
import { anyMapType, int64Type, stringMapType, stringSliceType, uint64Type } from "../type.ts";
import { isMap, isSlice, typeOf } from "../type-of.ts";
import {
  GoError,
  GoInteger,
  mapOf,
  sliceOf,
  type GoFunction,
  type GoKey,
  type GoResult,
  type GoValue,
  type Param,
} from "../value.ts";

/** A function of templates and the name it is called by. */
export interface Defined {
  readonly name: string;
  readonly value: GoFunction;
}
export type Outcome = GoResult;
/** A map that `set` and its kin may change. */
export type Dict = Map<GoKey, GoValue>;

export const STRING = takeString;
export const INT = takeInt;
export const FLOAT = takeFloat;
export const BOOL = takeBool;
export const ANY = takeAny;
/** `[]interface {}`. */
export const LIST = takeSlice;
/** `[]string`. */
export const STRINGS = takeStrings;
/** `map[string]interface {}`, the very one that was given: some functions change it. */
export const MAP: Param<Dict> = {
  type: anyMapType,
  take: (value) => {
    if (value === null) return new Map();
    return takeMap.take(value) === undefined ? undefined : dictOf(value);
  },
};

export function f0(name: string, run: () => Outcome): Defined {
  return { name, value: goFunction([], run) };
}

export function f1<A>(name: string, [a]: readonly [Param<A>], run: (a: A) => Outcome): Defined {
  return { name, value: goFunction<[Param<A>]>([a], (x) => run(x)) };
}

export function f2<A, B>(name: string, [a, b]: readonly [Param<A>, Param<B>], run: (a: A, b: B) => Outcome): Defined {
  return { name, value: goFunction<[Param<A>, Param<B>]>([a, b], (x, y) => run(x, y)) };
}

export function f3<A, B, C>(
  name: string,
  [a, b, c]: readonly [Param<A>, Param<B>, Param<C>],
  run: (...args: [A, B, C]) => Outcome,
): Defined {
  return { name, value: goFunction<[Param<A>, Param<B>, Param<C>]>([a, b, c], (x, y, z) => run(x, y, z)) };
}

/** Any number of arguments of one kind. */
export function all<R>(name: string, rest: Param<R>, run: (rest: readonly R[]) => Outcome): Defined {
  return { name, value: variadic<[], R>([], rest, (_, items) => run(items)) };
}

/** One argument, then any number of another kind. */
export function oneAndAll<A, R>(
  name: string,
  [a, rest]: readonly [Param<A>, Param<R>],
  run: (a: A, rest: readonly R[]) => Outcome,
): Defined {
  return { name, value: variadic<[Param<A>], R>([a], rest, ([first], items) => run(first, items)) };
}

/** The value, or what went wrong. */
export function outcomeOf(result: Result<GoValue>, prefix = ""): Outcome {
  return result.ok ? result.value : new GoError(prefix + result.error.message);
}

export const isList = isSlice;

/** The value's type as Go prints it. */
export function typeName(value: GoValue): string {
  return value === null ? "<nil>" : typeOf(value).name;
}

export function int64(value: bigint): GoValue {
  return new GoInteger(int64Type, BigInt.asIntN(64, value));
}

export function uint64(value: bigint): GoValue {
  return new GoInteger(uint64Type, BigInt.asUintN(64, value));
}

/** A `[]string`. */
export function strings(items: readonly string[]): GoValue {
  return sliceOf(stringSliceType, items);
}

/** A `map[string]string`. */
export function stringMap(entries: Iterable<readonly [string, string]>): GoValue {
  return mapOf(stringMapType, entries);
}

/** Maps are made here only, and all of them can be changed. */
export function dictOf(value: GoValue): Dict | undefined {
  return isMap(value) && value instanceof Map ? value : undefined;
}
