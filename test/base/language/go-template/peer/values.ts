import { Buffer } from "node:buffer";
import { sprint } from "#base/language/go-template/format/sprintf.ts";
import { goFunction, variadic, type FunctionTable } from "#base/language/go-template/function.ts";
import {
  takeAny,
  takeBool,
  takeFloat,
  takeInt,
  takeInteger,
  takeInt64,
  takeMap,
  takeSlice,
  takeString,
  takeStrings,
} from "#base/language/go-template/param.ts";
import { GoNamed, GoStruct } from "#base/language/go-template/struct.ts";
import {
  int8Type,
  int64Type,
  intType,
  mapType,
  pointerType,
  sliceType,
  stringMapType,
  stringSliceType,
  stringType,
  structType,
  uint8Type,
  uint64Type,
  uintType,
  type GoType,
} from "#base/language/go-template/type.ts";
import {
  GoError,
  GoFloat32,
  GoInteger,
  GoNil,
  mapOf,
  sliceOf,
  type GoMethods,
  type GoValue,
} from "#base/language/go-template/value.ts";

/** A value as both sides read it: `{"int": "5"}`, `{"list": [...]}`; texts, booleans and null are themselves. */
export type Data = null | boolean | string | readonly Data[] | { readonly [kind: string]: Data };

/** The functions of the peer. */
export const functions: FunctionTable = new Map([
  ["add", goFunction([takeInt, takeInt], (a, b) => a + b)],
  ["upper", goFunction([takeString], (text) => text.toUpperCase())],
  ["join", goFunction([takeString, takeStrings], (separator, list) => list.join(separator))],
  ["fail", goFunction([takeString], (message) => new GoError(message))],
  ["sum", variadic([], takeInt, (_, numbers) => numbers.reduce((total, each) => total + each, 0n))],
  ["same", goFunction([takeAny], (value) => value)],
  ["half", goFunction([takeFloat], (number) => number / 2)],
  ["octet", goFunction([takeInteger(uint8Type)], (number) => new GoInteger(uint8Type, number))],
  ["wide", goFunction([takeInt64], (number) => new GoInteger(int64Type, number))],
  ["neg", goFunction([takeBool], (flag) => !flag)],
  ["count", goFunction([takeMap], (values) => BigInt(values.size))],
  [
    "first",
    goFunction(
      [takeSlice],
      (values) => values[0] ?? new GoError("runtime error: index out of range [0] with length 0"),
    ),
  ],
]);

const tagMethods: GoMethods = new Map([
  [
    "Contains",
    (tags: GoValue) => goFunction([takeString], (wanted) => Array.isArray(tags) && tags.some((tag) => tag === wanted)),
  ],
]);

const integers: Readonly<Record<string, GoType>> = {
  int64: int64Type,
  int8: int8Type,
  uint: uintType,
  uint8: uint8Type,
  uint64: uint64Type,
};

/** What the peer makes of the same data. */
export function valueOf(data: Data): GoValue {
  if (data === null || typeof data !== "object") return data;
  if (Array.isArray(data)) return data.map((each) => valueOf(each));
  const [entry] = Object.entries(data);
  return entry === undefined ? null : valueOfKind(...entry);
}

function valueOfKind(kind: string, payload: Data): GoValue {
  switch (kind) {
    case "list":
      return entriesOf(payload).map(([, item]) => valueOf(item));
    case "map":
      return new Map(entriesOf(payload).map(([key, item]) => [key, valueOf(item)]));
    case "strings":
      return sliceOf(stringSliceType, textsOf(payload));
    case "tags":
      return sliceOf(sliceType(stringType, "main.Tags"), textsOf(payload), tagMethods);
    case "texts":
      return mapOf(
        stringMapType,
        entriesOf(payload).map(([key, item]) => [key, textIn(item)]),
      );
    case "names":
      return mapOf(
        mapType(intType, stringType),
        entriesOf(payload).map(([key, item]) => [BigInt(key), textIn(item)]),
      );
    case "bytes":
      return Uint8Array.from(Buffer.from(textIn(payload), "utf8"));
    case "node":
      return nodeOf(textsOf(payload));
    case "service":
      return serviceOf(Object.fromEntries(entriesOf(payload)));
    case "function":
      return functions.get(textIn(payload)) ?? null;
    default:
      return numberOf(kind, textIn(payload));
  }
}

function numberOf(kind: string, text: string): GoValue {
  if (kind === "float") return Number(text);
  if (kind === "float32") return new GoFloat32(Number(text));
  const type = integers[kind];
  if (type !== undefined) return new GoInteger(type, BigInt(text));
  if (kind === "level") {
    return new GoNamed({ type: { name: "main.Level", kind: "int" }, value: BigInt(text), text: () => `level-${text}` });
  }
  return BigInt(text);
}

function entriesOf(payload: Data): [string, Data][] {
  return payload === null || typeof payload !== "object" ? [] : Object.entries(payload);
}

function textsOf(payload: Data): string[] {
  return entriesOf(payload).map(([, item]) => textIn(item));
}

function nodeOf([node = "", address = ""]: readonly string[]): GoValue {
  return new GoStruct({
    type: pointerType(structType("main.Node")),
    fields: { Node: node, Address: address },
    methods: new Map([["Where", () => goFunction([], () => `${node}@${address}`)]]),
  });
}

function serviceOf(given: Readonly<Record<string, Data>>): GoValue {
  const name = textIn(given["Name"] ?? "");
  const port = valueOf(given["Port"] ?? { int: "0" });
  return new GoStruct({
    type: pointerType(structType("main.Service")),
    fields: {
      Name: name,
      Port: port,
      Tags: valueOf(given["Tags"] ?? { tags: [] }),
      Meta: valueOf(given["Meta"] ?? { texts: {} }),
      Node: given["Node"] === undefined ? new GoNil(pointerType(structType("main.Node"))) : valueOf(given["Node"]),
      Any: valueOf(given["Any"] ?? null),
    },
    methods: new Map([
      ["URL", () => goFunction([takeString], (scheme) => `${scheme}://${name}:${sprint([port])}`)],
      ["Fail", () => goFunction([], () => new GoError("service failed"))],
    ]),
  });
}

function textIn(data: Data): string {
  return typeof data === "string" ? data : "";
}
