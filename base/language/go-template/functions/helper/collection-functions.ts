import { integerOf, isSlice, plain, typeOf } from "../../type-of.ts";
import { int64Type, pointerType, sliceType, structType } from "../../type.ts";
import { GoError, GoObject, type GoKey, type GoValue, sliceOf, type Param } from "../../value.ts";
import { compareStrings } from "../../format/map-order.ts";
import {
  all,
  ANY,
  dictOf,
  f1,
  f2,
  int64,
  LIST,
  MAP,
  typeName,
  type Defined,
  type Dict,
  type Outcome,
} from "../define.ts";
import { mergeMaps } from "../merge-maps.ts";
import { quote } from "../../format/quote.ts";
import { parseGoInt } from "../text/strconv.ts";

/** The longest list that `loop` makes. */
export const MAX_LOOP = 1_000_000;

/** What `ls` and `tree` give. */
export const PAIRS: Param<readonly GoValue[]> = {
  type: sliceType(pointerType(structType("dependency.KeyPair"))),
  take: (value) => (isSlice(value) && value.every((item) => item instanceof GoObject) ? value : undefined),
};

/** consul-template's functions over lists and maps. */
export const collectionFunctions: readonly Defined[] = [
  f2("in", [ANY, ANY], (list, value) => includes(list, value)),
  f2("contains", [ANY, ANY], (value, list) => includes(list, value)),
  f2("containsAll", [LIST, ANY], (values, list) => values.every((value) => includes(list, value))),
  f2("containsAny", [LIST, ANY], (values, list) => values.some((value) => includes(list, value))),
  f2("containsNone", [LIST, ANY], (values, list) => !values.some((value) => includes(list, value))),
  f2("containsNotAll", [LIST, ANY], (values, list) => !values.every((value) => includes(list, value))),
  f1("explode", [PAIRS], (pairs) => explode(pairs)),
  f1("explodeMap", [MAP], (map) => explodeEntries(sortedEntries(map), "explodeMap")),
  f2("mergeMap", [MAP, MAP], (into, from) => mergeMaps(into, from, { override: false })),
  f2("mergeMapWithOverride", [MAP, MAP], (into, from) => mergeMaps(into, from, { override: true })),
  all("loop", ANY, (bounds) => loop(bounds)),
];

/** Whether a list holds a value of the same kind, or a text another. */
function includes(list: GoValue, value: GoValue): boolean {
  if (typeof list === "string") return typeof value === "string" && list.includes(value);
  if (!isSlice(list)) return false;
  const integer = integerOf(value);
  if (integer !== undefined) return list.some((item) => sameSign(item, value) && integerOf(item) === integer);
  return (typeof value === "string" || typeof value === "number") && list.includes(value);
}

/** Signed numbers equal signed ones only; unsigned ones equal nothing. */
function sameSign(a: GoValue, b: GoValue): boolean {
  return [a, b].every((value) => typeOf(plain(value)).kind.startsWith("int"));
}

function explode(pairs: readonly GoValue[]): Outcome {
  const entries: [string, GoValue][] = [];
  for (const pair of pairs) {
    if (!(pair instanceof GoObject)) continue;
    const key = pair.field("Key");
    entries.push([typeof key === "string" ? key : "", pair.field("Value") ?? null]);
  }
  return explodeEntries(entries, "explode");
}

/** `a/b/c` becomes a map in a map in a map. */
function explodeEntries(entries: readonly (readonly [string, GoValue])[], name: string): Outcome {
  const root: Dict = new Map();
  for (const [path, value] of entries) {
    const parts = path.split("/");
    const last = parts.pop() ?? "";
    let map = root;
    for (const [index, part] of parts.entries()) {
      const existing = map.get(part) ?? new Map<GoKey, GoValue>();
      const inner = dictOf(existing);
      if (inner === undefined) {
        const rest = path
          .split("/")
          .slice(Math.max(0, index - 1))
          .join("/");
        const shown = typeof existing === "string" ? quote(existing) : typeName(existing);
        return new GoError(`${name}: not a map: ${quote(rest)}: ${quote(part)} already has value ${shown}`);
      }
      map.set(part, inner);
      map = inner;
    }
    if (last !== "") map.set(last, value);
  }
  return root;
}

function sortedEntries(map: Dict): readonly (readonly [string, GoValue])[] {
  return [...map]
    .map(([key, value]): [string, GoValue] => [String(key), value])
    .toSorted(([a], [b]) => compareStrings(a, b));
}

/** Whole numbers from 0, or from the first bound, up to but without the last. */
function loop(bounds: readonly GoValue[]): Outcome {
  if (bounds.length < 1 || bounds.length > 2)
    return new GoError(`loop: wrong number of arguments, expected 1 or 2, but got ${bounds.length}`);
  const numbers: bigint[] = [];
  for (const bound of bounds.length === 1 ? [0n, ...bounds] : bounds) {
    const number = toInteger(bound);
    if (number instanceof GoError) return number;
    numbers.push(number);
  }
  const [start = 0n, stop = 0n] = numbers;
  if (stop - start > MAX_LOOP) return new GoError(`loop: more than ${MAX_LOOP} rounds, from ${start} to ${stop}`);
  const count = Math.max(0, Number(stop - start));
  return sliceOf(
    sliceType(int64Type),
    Array.from({ length: count }, (_, index) => int64(start + BigInt(index))),
  );
}

function toInteger(value: GoValue): bigint | GoError {
  const integer = integerOf(value);
  if (integer !== undefined) return BigInt.asIntN(64, integer);
  if (typeof value !== "string") return new GoError(`loop: bad argument type: ${typeName(value)}`);
  const parsed = parseGoInt(value === "" ? "0" : value);
  return parsed.ok ? parsed.value : new GoError(`parseInt: ${parsed.error.message}`);
}
