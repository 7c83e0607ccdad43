import { anyMapType, anySliceType, type GoType } from "./type.ts";

/**
 * A value templates compute with, and what it is in Go:
 *
 * | here | in Go |
 * |---|---|
 * | `null` | nil in an `interface {}` |
 * | boolean, string | bool, string (`len`, `index`, `slice` count UTF-8 bytes) |
 * | bigint | int |
 * | number | float64 |
 * | `GoInteger` | every other integer type |
 * | `GoFloat32`, `GoComplex` | float32, complex128 |
 * | `Uint8Array` | []byte |
 * | array | []interface {}; a `GoSlice` has a type of its own |
 * | `Map` | map[string]interface {}; a `GoMap` has a type of its own; ranged and printed by sorted key |
 * | `GoObject` | a struct, a pointer to one, a named type with methods |
 * | `GoNil` | a nil pointer with a type |
 * | `GoFunction` | a func, for `call` |
 */
export type GoValue =
  | null
  | boolean
  | string
  | bigint
  | number
  | GoInteger
  | GoFloat32
  | GoComplex
  | Uint8Array
  | readonly GoValue[]
  | ReadonlyMap<GoKey, GoValue>
  | GoObject
  | GoNil
  | GoFunction;

/** Keys of a map: strings, or integers of whatever type the map's key type names. */
export type GoKey = string | bigint;

/** An integer that is not an `int`: int64, uint, uint8 … The value is kept within the type's range by its maker. */
export class GoInteger {
  readonly type: GoType;
  readonly value: bigint;
  constructor(type: GoType, value: bigint) {
    this.type = type;
    this.value = value;
  }
}

/** `value` is already rounded to single precision (`Math.fround`). */
export class GoFloat32 {
  readonly value: number;
  constructor(value: number) {
    this.value = Math.fround(value);
  }
}

export class GoComplex {
  readonly real: number;
  readonly imaginary: number;
  constructor(real: number, imaginary: number) {
    this.real = real;
    this.imaginary = imaginary;
  }
}

/** A slice whose type is not `[]interface {}`, and may have methods: `[]string`, `dependency.ServiceTags`. */
export class GoSlice extends Array<GoValue> {
  // What `map` and `filter` make of it is a plain array.
  static override get [Symbol.species](): ArrayConstructor {
    return Array;
  }
  type: GoType = anySliceType;
  methods: GoMethods = none;
}

export function sliceOf(type: GoType, items: Iterable<GoValue>, methods: GoMethods = none): GoSlice {
  const slice = new GoSlice();
  slice.type = type;
  slice.methods = methods;
  for (const item of items) slice.push(item);
  return slice;
}

/** A map whose type is not `map[string]interface {}`. */
export class GoMap extends Map<GoKey, GoValue> {
  type: GoType = anyMapType;
}

export function mapOf(type: GoType, entries: Iterable<readonly [GoKey, GoValue]>): GoMap {
  const map = new GoMap(entries);
  map.type = type;
  return map;
}

/** Methods by name, bound to their receiver when looked up. */
export type GoMethods = ReadonlyMap<string, (receiver: GoValue) => GoFunction>;

const none: ReadonlyMap<string, (receiver: GoValue) => GoFunction> = new Map();

/** Anything with fields or methods. Extend it, or use `GoStruct` and `GoNamed`. */
export abstract class GoObject {
  /** Of kind struct or pointer; of any other kind where `underlying` gives a value. */
  abstract readonly type: GoType;

  /** The exported field; `undefined`: there is none of that name. */
  abstract field(name: string): GoValue | undefined;

  /** Bound to this value; `undefined`: there is none of that name. */
  abstract method(name: string): GoFunction | undefined;

  /** Fields in declared order, for printing. */
  abstract fields(): Iterable<readonly [string, GoValue]>;

  /** What a named type of a plain kind holds (`time.Duration`: its int64); `undefined` for structs. */
  underlying(): GoValue | undefined {
    return undefined;
  }

  /** What Go's `String()` or `Error()` of the type gives; `undefined`: it has neither. */
  text(): string | undefined {
    return undefined;
  }

  /** Equality by `eq`: Go compares pointers by identity and structs by their fields. */
  equals(other: GoObject): boolean {
    return this === other;
  }
}

/** A nil pointer that knows its type. */
export class GoNil {
  // Types are compared by shape: this keeps other values with a type from passing for a nil.
  readonly isNil = true;
  readonly type: GoType;
  constructor(type: GoType) {
    this.type = type;
  }
}

/** What a function gives when it fails; Go's `error`. The evaluator adds template, line, column and function. */
export class GoError {
  readonly message: string;
  constructor(message: string) {
    this.message = message;
  }
}

/**
 * What a function gives whose answer is not there yet (a service not fetched): rendering goes on with `zero`, so that
 * one pass finds all dependencies, and the rendered result says `pending`.
 */
export class GoPending {
  readonly zero: GoValue;
  constructor(zero: GoValue) {
    this.zero = zero;
  }
}

export type GoResult = GoValue | GoError | GoPending;

/** What a function may ask of the rendering it runs in. */
export interface CallContext {
  /** Renders an associated template as `{{template}}` does, under the same limits; the text, or what went wrong. */
  render(name: string, data: GoValue): string | GoError;
}

/** A function of templates with its declared signature; arguments were checked against it before `call`. */
export class GoFunction {
  /** As Go prints the type: `func(string, ...interface {}) (string, error)`. */
  readonly type: GoType;
  readonly params: readonly Param<unknown>[];
  /** Takes any number of further arguments. */
  readonly rest: Param<unknown> | undefined;
  readonly #call: (args: readonly unknown[], context: CallContext) => GoResult;

  constructor(options: {
    readonly params: readonly Param<unknown>[];
    readonly rest?: Param<unknown> | undefined;
    readonly call: (args: readonly unknown[], context: CallContext) => GoResult;
  }) {
    this.params = options.params;
    this.rest = options.rest;
    this.#call = options.call;
    const names = options.params.map((param) => param.type.name);
    if (options.rest !== undefined) names.push(`...${options.rest.type.name}`);
    this.type = { name: `func(${names.join(", ")}) interface {}`, kind: "func" };
  }

  /** `args`: what each `Param.take` gave. */
  call(args: readonly unknown[], context: CallContext): GoResult {
    return this.#call(args, context);
  }
}

/** One parameter: its Go type, and what the function receives for a value of it. */
export interface Param<Value> {
  readonly type: GoType;
  /** `undefined`: not assignable. `null` is given to a nilable type for its nil. */
  readonly take: (value: GoValue) => Value | undefined;
}
