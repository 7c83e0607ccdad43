import { toText } from "../evaluate/convert.ts";
import { setOf } from "../evaluate/type.ts";
import {
  compareText,
  equal,
  getKey,
  identity,
  isList,
  isMap,
  mapOf,
  sortedKeys,
  type Value,
} from "../evaluate/value.ts";
import {
  any,
  Fault,
  list,
  many,
  map,
  number,
  one,
  oneAndMany,
  text,
  texts,
  three,
  two,
  whole,
  type Given,
  type HclFunction,
} from "./function.ts";

export const collectionFunctions: Readonly<Record<string, HclFunction>> = {
  length: one(any, lengthOf),
  keys: one(map, sortedKeys),
  values: one(map, (m) => sortedKeys(m).map((key) => m[key] ?? null)),
  lookup: (values) =>
    values.length === 2
      ? two(map, text, (m, key) => getKey(m, key) ?? new Fault(`there is no key "${key}"`))(values)
      : three({ a: map, b: text, c: any, run: (m, key, otherwise) => getKey(m, key) ?? otherwise })(values),
  element: two(list, whole, (items, index) =>
    items.length === 0
      ? new Fault("the list is empty")
      : (items[((index % items.length) + items.length) % items.length] ?? null),
  ),
  index: two(any, any, indexOf),
  contains: two(list, any, (items, wanted) => items.some((item) => equal(item, wanted))),
  merge: many(any, (maps) => mergeMaps(maps)),
  zipmap: two(texts, list, (names, values) =>
    names.length === values.length
      ? mapOf(names.map((name, index) => [name, values[index] ?? null]))
      : new Fault(`there are ${names.length} keys and ${values.length} values`),
  ),
  distinct: one(list, (items) => {
    const seen = new Set<string>();
    return items.filter((item) => {
      const key = identity(item);
      return !seen.has(key) && seen.add(key);
    });
  }),
  compact: one(list, (items) => items.filter((item) => item !== "" && item !== null)),
  flatten: one(list, (items) => items.flatMap(flattened)),
  sort: one(texts, (items) => items.toSorted(compareText)),
  slice: three({ a: list, b: whole, c: whole, run: slice }),
  chunklist: two(list, whole, (items, size) => (size < 0 ? new Fault("the size is negative") : chunks(items, size))),
  coalesce: many(
    any,
    (values) => values.find((value) => value !== null && value !== "") ?? new Fault("all arguments are null or empty"),
  ),
  coalescelist: many(list, (lists) => lists.find((each) => each.length > 0) ?? new Fault("all lists are empty")),
  hasindex: two(any, any, (value, key) => !(indexIn(value, key) instanceof Fault)),
  range: many(number, (bounds) => rangeOf(bounds), 1),
  setunion: many(list, (sets) => setOf(sets.flat()), 1),
  setintersection: oneAndMany(list, list, (first, others) => {
    const sets = others.map(identities);
    return setOf(first.filter((item) => sets.every((set) => set.has(identity(item)))));
  }),
  setsubtract: two(list, list, (items, others) => setOf(without(items, others))),
  setsymmetricdifference: two(list, list, (a, b) => setOf([...without(a, b), ...without(b, a)])),
  sethaselement: two(list, any, has),
  setproduct: many(list, (sets) => product(sets), 2),
  toset: one(list, setOf),
  tolist: one(list, (items) => items),
  tomap: one(map, (m) => m),
};

/** Results longer than this are refused. */
const MAX_ITEMS = 100_000;

function lengthOf(value: Value): Given {
  if (isList(value)) return value.length;
  if (isMap(value)) return Object.keys(value).length;
  return typeof value === "string"
    ? Array.from(new Intl.Segmenter("en").segment(value)).length
    : new Fault("expected a list, an object or a string");
}

/** The element at a position or key; of a list also the position of a value, as its page in the manual says. */
function indexOf(value: Value, key: Value): Given {
  const element = indexIn(value, key);
  if (!(element instanceof Fault) || !isList(value)) return element;
  const at = value.findIndex((item) => equal(item, key));
  return at < 0 ? new Fault(`the list holds no ${JSON.stringify(key)}`) : at;
}

/** The element at a position or key. */
function indexIn(value: Value, key: Value): Given {
  if (isMap(value)) return getKey(value, toText(key) ?? "") ?? new Fault(`there is no key ${JSON.stringify(key)}`);
  if (!isList(value)) return new Fault("expected a list or an object");
  const item = typeof key === "number" ? value[key] : undefined;
  return item ?? new Fault(`there is no element ${JSON.stringify(key)}`);
}

function mergeMaps(maps: readonly Value[]): Given {
  const entries = new Map<string, Value>();
  for (const each of maps) {
    if (each === null) continue;
    if (!isMap(each)) return new Fault("expected only objects");
    for (const [key, value] of Object.entries(each)) entries.set(key, value);
  }
  return mapOf(entries);
}

function flattened(item: Value): readonly Value[] {
  return isList(item) ? item.flatMap(flattened) : [item];
}

function slice(items: readonly Value[], start: number, end: number): Given {
  if (start < 0 || end > items.length || start > end) {
    return new Fault(`expected 0 ≤ start ≤ end ≤ ${items.length}, found ${start} and ${end}`);
  }
  return items.slice(start, end);
}

function chunks(items: readonly Value[], size: number): readonly Value[] {
  if (size === 0) return [items];
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
    items.slice(index * size, (index + 1) * size),
  );
}

function identities(items: readonly Value[]): ReadonlySet<string> {
  return new Set(items.map(identity));
}

function without(items: readonly Value[], others: readonly Value[]): readonly Value[] {
  const set = identities(others);
  return items.filter((item) => !set.has(identity(item)));
}

function has(items: readonly Value[], wanted: Value): boolean {
  return items.some((item) => equal(item, wanted));
}

function rangeOf(bounds: readonly number[]): Given {
  const [first = 0, second, third] = bounds;
  if (bounds.length > 3) return new Fault("expected start, limit and step");
  const [start, limit] = second === undefined ? [0, first] : [first, second];
  const step = third ?? (limit < start ? -1 : 1);
  if (step === 0) return new Fault("the step is 0");
  const length = Math.max(0, Math.ceil((limit - start) / step));
  if (length > MAX_ITEMS) return new Fault(`more than ${MAX_ITEMS} elements`);
  return Array.from({ length }, (_, index) => start + index * step);
}

function product(sets: readonly (readonly Value[])[]): Given {
  if (sets.reduce((total, set) => total * set.length, 1) > MAX_ITEMS)
    return new Fault(`more than ${MAX_ITEMS} elements`);
  let rows: readonly (readonly Value[])[] = [[]];
  for (const set of sets) rows = rows.flatMap((row) => set.map((item) => [...row, item]));
  return rows;
}
