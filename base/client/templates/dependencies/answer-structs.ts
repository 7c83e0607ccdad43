import * as v from "valibot";
import { compareStrings } from "#base/language/go-template/format/map-order.ts";
import { parseTime } from "#base/language/go-template/functions/time/parse-time.ts";
import { RFC3339 } from "#base/language/go-template/functions/time/format-time.ts";
import { uint64 as unsigned } from "#base/language/go-template/functions/define.ts";
import { MarshalledStruct } from "#base/language/go-template/functions/encoding/marshalled-struct.ts";
import { GoTime } from "#base/language/go-template/functions/time/go-time.ts";
import { goFunction } from "#base/language/go-template/function.ts";
import { GoStruct } from "#base/language/go-template/struct.ts";
import {
  mapType,
  pointerType,
  sliceType,
  stringMapType,
  stringSliceType,
  stringType,
  structType,
  type GoType,
} from "#base/language/go-template/type.ts";
import { mapOf, sliceOf, type GoFunction, type GoResult, type GoValue } from "#base/language/go-template/value.ts";

/** What a struct can do; Go's `String()` is `text`, `MarshalJSON()` is `json`. */
export interface StructExtras {
  readonly text?: () => string;
  readonly json?: () => GoValue;
  readonly methods?: Readonly<Record<string, () => GoResult>>;
}

/** A struct with these fields, in this order; a `*` before the name makes it a pointer. */
export function struct(name: string, fields: Readonly<Record<string, GoValue>>, extras: StructExtras = {}): GoStruct {
  const { text: toText, json, methods = {} } = extras;
  const bound = Object.entries(methods).map(([method, call]): [string, () => GoFunction] => [
    method,
    () => goFunction([], call),
  ]);
  const options = {
    type: typeNamed(name),
    fields,
    methods: new Map(toText === undefined ? bound : [...bound, ["String", () => goFunction([], toText)]]),
    ...(toText === undefined ? {} : { text: toText }),
  };
  return json === undefined ? new GoStruct(options) : new MarshalledStruct({ ...options, json });
}

/** A list of structs of one type. */
export function listOf(name: string, items: Iterable<GoValue>): GoValue {
  return sliceOf(sliceType(typeNamed(name)), items);
}

/** `dependency.ServiceTags` prints, compares and joins as a `[]string` does. */
export function tagList(items: readonly string[]): GoValue {
  return sliceOf(sliceType(stringType, "dependency.ServiceTags"), items.toSorted(compareStrings));
}

export function textList(items: readonly string[]): GoValue {
  return sliceOf(stringSliceType, items);
}

/** `map[string]name`. */
export function structMap(name: string, entries: Iterable<readonly [string, GoValue]>): GoValue {
  return mapOf(mapType(stringType, typeNamed(name)), entries);
}

export function typeNamed(name: string): GoType {
  return name.startsWith("*") ? pointerType(structType(name.slice(1))) : structType(name);
}

/** Unsigned 64-bit numbers; above 2^53 they have to be read as bigint. */
export const uint64 = v.pipe(
  v.nullish(v.union([v.bigint(), v.number()]), 0),
  v.transform((value) => unsigned(BigInt(value))),
);
export const int = v.pipe(
  v.nullish(v.union([v.bigint(), v.number()]), 0),
  v.transform((value) => BigInt(value)),
);
export const text = v.nullish(v.string(), "");
export const flag = v.nullish(v.boolean(), false);
export const texts = v.nullish(v.array(v.string()), () => []);
export const textMap = v.pipe(
  v.nullish(v.record(v.string(), v.string()), () => ({})),
  v.transform((record) => mapOf(stringMapType, Object.entries(record))),
);
/** RFC 3339 text; nothing when there is none. */
export const time = v.pipe(
  v.nullish(v.string(), ""),
  v.transform((value): GoTime | null => {
    const parsed = parseTime(RFC3339, value);
    return parsed.ok ? new GoTime(parsed.value.unixNs, parsed.value.zone) : null;
  }),
);

/** A stable order by one text after another. */
export function byTexts<T>(...keys: ((item: T) => string)[]): (a: T, b: T) => number {
  return (a, b) => {
    for (const key of keys) {
      const order = compareStrings(key(a), key(b));
      if (order !== 0) return order;
    }
    return 0;
  };
}
