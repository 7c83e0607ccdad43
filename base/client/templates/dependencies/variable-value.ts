import * as v from "valibot";
import { GoNamed } from "#base/language/go-template/struct.ts";
import { goFunction } from "#base/language/go-template/function.ts";
import { GoTime } from "#base/language/go-template/functions/time/go-time.ts";
import { UTC } from "#base/language/go-template/functions/time/zone.ts";
import { mapType, stringType, type GoType } from "#base/language/go-template/type.ts";
import {
  GoInteger,
  GoObject,
  mapOf,
  type GoFunction,
  type GoMap,
  type GoValue,
} from "#base/language/go-template/value.ts";
import { byTexts, int, listOf, struct, text, textList, typeNamed, uint64 } from "./answer-structs.ts";

export const VariableMetaSchema = v.object({
  Namespace: text,
  Path: text,
  CreateIndex: uint64,
  ModifyIndex: uint64,
  /** Nanoseconds since 1970. */
  CreateTime: int,
  ModifyTime: int,
});
type VariableMeta = v.InferOutput<typeof VariableMetaSchema>;
export const VariableSchema = v.object({
  ...VariableMetaSchema.entries,
  Items: v.nullish(v.record(v.string(), v.string()), () => ({})),
});
type Variable = v.InferOutput<typeof VariableSchema>;

/** A variable's metadata; printed, it is its path. */
export function variableMeta({
  Namespace,
  Path,
  CreateIndex,
  ModifyIndex,
  CreateTime,
  ModifyTime,
}: VariableMeta): GoValue {
  const times = { CreateTime: nanoTime(CreateTime), ModifyTime: nanoTime(ModifyTime) };
  return struct(
    "*dependency.NomadVarMeta",
    { Namespace, Path, CreateIndex, ModifyIndex, ...times },
    { text: () => Path },
  );
}

/** What `nomadVar` gives: a map of items that know their variable, with methods of its own. */
export class VariableItems extends GoObject {
  readonly type: GoType = {
    ...mapType(stringType, typeNamed("dependency.NomadVarItem")),
    name: "dependency.NomadVarItems",
  };
  readonly #variable: Variable;
  readonly #items: GoMap;

  constructor(variable: Variable) {
    super();
    this.#variable = variable;
    const entries = Object.entries(variable.Items).toSorted(byTexts(([key]) => key));
    this.#items = mapOf(
      mapType(stringType, typeNamed("dependency.NomadVarItem")),
      entries.map(([Key, Value]) => [Key, this.#item(Key, Value)]),
    );
  }

  /** The texts of the items, for keeping them out of logs. */
  get secrets(): readonly string[] {
    return Object.values(this.#variable.Items);
  }

  field(): undefined {
    return undefined;
  }

  fields(): Iterable<readonly [string, GoValue]> {
    return [];
  }

  override underlying(): GoValue {
    return this.#items;
  }

  method(name: string): GoFunction | undefined {
    const read = this.#methods()[name];
    return read === undefined ? undefined : goFunction([], read);
  }

  #methods(): Readonly<Record<string, () => GoValue>> {
    const entries = Object.entries(this.#variable.Items).toSorted(byTexts(([key]) => key));
    const tuple = "struct { K string; V string }";
    return {
      Keys: () => textList(entries.map(([key]) => key)),
      Values: () => textList(entries.map(([, value]) => value)),
      Tuples: () =>
        listOf(
          tuple,
          entries.map(([K, V]) => struct(tuple, { K, V })),
        ),
      Metadata: () => variableMeta(this.#variable),
      Parent: () => this.#parent(),
      ItemsMap: () => new Map(entries),
    };
  }

  #item(Key: string, Value: string): GoValue {
    const methods = { Metadata: () => variableMeta(this.#variable), Parent: () => this.#parent() };
    return struct("dependency.NomadVarItem", { Key, Value }, { text: () => Value, json: () => Value, methods });
  }

  #parent(): GoValue {
    const { Namespace, Path, CreateIndex, ModifyIndex, CreateTime, ModifyTime } = this.#variable;
    const times = { CreateTime: nanoTime(CreateTime), ModifyTime: nanoTime(ModifyTime) };
    const fields = { Namespace, Path, CreateIndex, ModifyIndex, ...times, Items: this };
    return struct("*dependency.NomadVariable", fields, {
      methods: { Metadata: () => variableMeta(this.#variable) },
    });
  }
}

const nanoTimeType: GoType = { name: "dependency.nanoTime", kind: "int64" };

/** A number of nanoseconds that is printed as a time. */
function nanoTime(unixNs: bigint): GoValue {
  const time = new GoTime(unixNs, UTC);
  return new GoNamed({
    type: nanoTimeType,
    value: new GoInteger(nanoTimeType, unixNs),
    text: () => time.text(),
    methods: new Map([
      ["Time", () => goFunction([], () => time)],
      ["String", () => goFunction([], () => time.text())],
    ]),
  });
}
