import { goFunction } from "#base/language/go-template/function.ts";
import { compareStrings } from "#base/language/go-template/format/map-order.ts";
import { ANY, dictOf, STRING } from "#base/language/go-template/functions/define.ts";
import { quote } from "#base/language/go-template/format/quote.ts";
import { GoStruct } from "#base/language/go-template/struct.ts";
import { pointerType, structType } from "#base/language/go-template/type.ts";
import { GoError, type GoFunction, type GoResult, type GoValue } from "#base/language/go-template/value.ts";

/** What `scratch` gives: values a template keeps while it renders, gone afterwards. */
export function createScratch(): GoStruct {
  const values = new Map<string, GoValue>();
  const set = (over: boolean) =>
    goFunction([STRING, ANY], (name, value) => {
      if (over || !values.has(name)) values.set(name, value);
      return "";
    });
  const setIn = (over: boolean) =>
    goFunction([STRING, STRING, ANY], (name, key, value): GoResult => {
      if (!values.has(name)) values.set(name, new Map());
      const map = dictOf(values.get(name) ?? null);
      if (map === undefined) return new GoError(`${quote(name)} is not a map`);
      if (over || !map.has(key)) map.set(key, value);
      return "";
    });
  const methods: Readonly<Record<string, GoFunction>> = {
    Key: goFunction([STRING], (name) => values.has(name)),
    Get: goFunction([STRING], (name) => values.get(name) ?? null),
    Set: set(true),
    SetX: set(false),
    MapSet: setIn(true),
    MapSetX: setIn(false),
    MapValues: goFunction([STRING], (name) => sortedValues(values.get(name) ?? null)),
  };
  return new GoStruct({
    type: pointerType(structType("template.Scratch")),
    fields: {},
    methods: new Map(Object.entries(methods).map(([name, method]) => [name, () => method])),
  });
}

function sortedValues(value: GoValue): GoValue {
  const entries = [...(dictOf(value) ?? [])];
  return entries.toSorted(([a], [b]) => compareStrings(String(a), String(b))).map(([, item]) => item);
}
