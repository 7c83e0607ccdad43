import { isMap, isSlice } from "../../type-of.ts";
import { GoError, type GoValue } from "../../value.ts";
import { sortedEntries } from "../../format/map-order.ts";
import {
  all,
  ANY,
  f1,
  f2,
  f3,
  MAP,
  oneAndAll,
  STRING,
  strings,
  type Defined,
  type Dict,
  type Outcome,
} from "../define.ts";
import { mergeMaps } from "../merge-maps.ts";
import { textOf } from "../print-value.ts";

/** sprig's dictionaries; where Go gives no order, ours is that of the keys (https://masterminds.github.io/sprig/dicts.html). `set`, `unset` and `merge` change the dictionary they are given. */
export const dictFunctions: readonly Defined[] = [
  all("dict", ANY, dict),
  f2("get", [MAP, STRING], (map, key) => map.get(key) ?? (map.has(key) ? null : "")),
  f3("set", [MAP, STRING, ANY], (map, key, value) => map.set(key, value)),
  f2("unset", [MAP, STRING], (map, key) => {
    map.delete(key);
    return map;
  }),
  f2("hasKey", [MAP, STRING], (map, key) => map.has(key)),
  oneAndAll("pluck", [STRING, MAP], (key, maps) =>
    maps.filter((map) => map.has(key)).map((map) => map.get(key) ?? null),
  ),
  all("keys", MAP, (maps) => strings(maps.flatMap((map) => sortedEntries(map).map(([key]) => String(key))))),
  f1("values", [MAP], (map) => sortedEntries(map).map(([, value]) => value)),
  oneAndAll(
    "pick",
    [MAP, STRING],
    (map, keys) => new Map(sortedEntries(map).filter(([key]) => keys.includes(String(key)))),
  ),
  oneAndAll(
    "omit",
    [MAP, STRING],
    (map, keys) => new Map(sortedEntries(map).filter(([key]) => !keys.includes(String(key)))),
  ),
  ...["merge", "mustMerge"].map((name) => oneAndAll(name, [MAP, MAP], (into, from) => mergeAll(into, from, false))),
  ...["mergeOverwrite", "mustMergeOverwrite"].map((name) =>
    oneAndAll(name, [MAP, MAP], (into, from) => mergeAll(into, from, true)),
  ),
  ...["deepCopy", "mustDeepCopy"].map((name) => f1(name, [ANY], (value) => deepCopy(value))),
  all("dig", ANY, dig),
];

function dict(values: readonly GoValue[]): Dict {
  const map: Dict = new Map();
  for (let index = 0; index < values.length; index += 2)
    map.set(textOf(values[index] ?? null), index + 1 < values.length ? (values[index + 1] ?? null) : "");
  return map;
}

function mergeAll(into: Dict, from: readonly Dict[], override: boolean): Outcome {
  for (const map of from) {
    const merged = mergeMaps(into, map, { override });
    if (merged instanceof GoError) return merged;
  }
  return into;
}

/** Copies maps and lists; what cannot be changed is shared. */
function deepCopy(value: GoValue, done = new Map<GoValue, GoValue>()): GoValue {
  const known = done.get(value);
  if (known !== undefined) return known;
  if (isMap(value)) {
    const copy: Dict = new Map();
    done.set(value, copy);
    for (const [key, item] of value) copy.set(key, deepCopy(item, done));
    return copy;
  }
  return isSlice(value) ? value.map((item) => deepCopy(item, done)) : value;
}

/** `dig "a" "b" default map`: what is at a path of keys, or the default. */
function dig(args: readonly GoValue[]): Outcome {
  if (args.length < 3) return new GoError("dig needs at least three arguments");
  const keys = args.slice(0, -2);
  let at: GoValue = args.at(-1) ?? null;
  for (const key of keys) {
    if (!isMap(at)) return new GoError("interface conversion: interface {} is not map[string]interface {}");
    if (typeof key !== "string") return new GoError("interface conversion: interface {} is not string");
    const next: GoValue | undefined = at.get(key);
    if (next === undefined) return args.at(-2) ?? null;
    at = next;
  }
  return at;
}
