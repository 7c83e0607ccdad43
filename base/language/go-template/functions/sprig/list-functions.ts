import { GoError, type GoValue } from "../../value.ts";
import { castInt } from "../cast.ts";
import { deepEqual } from "../compare.ts";
import { all, ANY, f1, f2, INT, isList, oneAndAll, type Defined, type Outcome } from "../define.ts";
import { isEmpty } from "../merge-maps.ts";
import { kindOf } from "./reflection-functions.ts";

/** sprig's lists (https://masterminds.github.io/sprig/lists.html); each function has a twin whose name begins with `must`. */
export const listFunctions: readonly Defined[] = [
  ...["list", "tuple"].map((name) => all(name, ANY, (values) => values)),
  all("concat", ANY, concat),
  ...twins("append", "push on", (items, value) => [...items, value]),
  ...twins("push", "push on", (items, value) => [...items, value]),
  ...twins("prepend", "prepend on", (items, value) => [value, ...items]),
  ...ofList("first", "find first on", (items) => items[0] ?? null),
  ...ofList("last", "find last on", (items) => items.at(-1) ?? null),
  ...ofList("rest", "find rest on", (items) => items.slice(1)),
  ...ofList("initial", "find initial on", (items) => items.slice(0, -1)),
  ...ofList("reverse", "find reverse on", (items) => items.toReversed()),
  ...ofList("compact", "compact on", (items) => items.filter((item) => !isEmpty(item))),
  ...ofList("uniq", "find uniq on", unique),
  ...named("without").map((name) =>
    oneAndAll(name, [ANY, ANY], (list, omitted) =>
      onList(list, "find without on", (items) => items.filter((item) => !holds(omitted, item))),
    ),
  ),
  ...named("has").map((name) =>
    f2(name, [ANY, ANY], (needle, list) =>
      list === null ? false : onList(list, "find has on", (items) => holds(items, needle)),
    ),
  ),
  ...named("slice").map((name) => oneAndAll(name, [ANY, ANY], slice)),
  ...named("chunk").map((name) =>
    f2(name, [INT, ANY], (size, list) => onList(list, "chunk", (items) => chunk(items, Number(size)))),
  ),
];

/** `append` and `mustAppend`. */
function named(name: string): readonly string[] {
  return [name, `must${name.charAt(0).toUpperCase()}${name.slice(1)}`];
}

function ofList(name: string, verb: string, run: (items: readonly GoValue[]) => Outcome): readonly Defined[] {
  return named(name).map((each) => f1(each, [ANY], (list) => onList(list, verb, run)));
}

function twins(
  name: string,
  verb: string,
  run: (items: readonly GoValue[], value: GoValue) => Outcome,
): readonly Defined[] {
  return named(name).map((each) =>
    f2(each, [ANY, ANY], (list, value) => onList(list, verb, (items) => run(items, value))),
  );
}

function onList(list: GoValue, verb: string, run: (items: readonly GoValue[]) => Outcome): Outcome {
  return isList(list) ? run(list) : new GoError(`Cannot ${verb} type ${kindOf(list)}`);
}

function concat(lists: readonly GoValue[]): Outcome {
  const items: GoValue[] = [];
  for (const list of lists) {
    if (!isList(list)) return new GoError(`Cannot concat type ${kindOf(list)} as list`);
    items.push(...list);
  }
  return items;
}

function holds(items: readonly GoValue[], value: GoValue): boolean {
  return items.some((item) => deepEqual(item, value));
}

function unique(items: readonly GoValue[]): readonly GoValue[] {
  const seen = new Set<GoValue>();
  const compared: GoValue[] = [];
  return items.filter((item) => {
    if (typeof item !== "object" || item === null) return seen.has(item) ? false : seen.add(item) !== undefined;
    return holds(compared, item) ? false : compared.push(item) > 0;
  });
}

function slice(list: GoValue, indices: readonly GoValue[]): Outcome {
  if (!isList(list)) return new GoError(`list should be type of slice or array but ${kindOf(list)}`);
  if (list.length === 0) return null;
  const start = Number(castInt(indices[0] ?? 0n));
  const end = indices.length < 2 ? list.length : Number(castInt(indices[1] ?? 0n));
  if (start < 0 || start > end || end > list.length)
    return new GoError("reflect.Value.Slice: slice index out of bounds");
  return list.slice(start, end);
}

function chunk(items: readonly GoValue[], size: number): Outcome {
  if (size < 1) return new GoError(`chunks of ${size} items: a chunk holds at least one`);
  const count = Math.ceil(items.length / size);
  return Array.from({ length: count }, (_, index) => items.slice(index * size, (index + 1) * size));
}
