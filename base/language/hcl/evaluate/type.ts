import type { Expression } from "../ast.ts";
import { parseHclExpression } from "../parse.ts";
import type { Span } from "../source.ts";
import { toFlag, toNumber, toText } from "./convert.ts";
import { compareText, getKey, identity, isList, isMap, mapOf, typeName, type Value } from "./value.ts";

/** A type constraint, as `type = list(string)` writes it. */
export type ValueType =
  | { readonly kind: "any" }
  | { readonly kind: "string" }
  | { readonly kind: "number" }
  | { readonly kind: "bool" }
  | ListType
  | { readonly kind: "map"; readonly element: ValueType }
  | { readonly kind: "tuple"; readonly elements: readonly ValueType[] }
  | { readonly kind: "object"; readonly attributes: ReadonlyMap<string, AttributeType> };

export interface ListType {
  readonly kind: "list" | "set";
  readonly element: ValueType;
}

export interface AttributeType {
  readonly type: ValueType;
  readonly optional: boolean;
  /** The second argument of `optional(type, default)`. */
  readonly fallback?: Expression;
}

export interface TypeProblem {
  readonly problem: string;
  readonly span: Span;
}

const KNOWN = "string, number, bool, any, list(…), set(…), map(…), tuple([…]) or object({…})";

/** Reads a type constraint from its expression. */
export function readType(node: Expression): ValueType | TypeProblem {
  if (node.kind === "variable") {
    const { name } = node;
    if (name === "any" || name === "string" || name === "number" || name === "bool") return { kind: name };
    if (name === "list" || name === "set" || name === "map") return { kind: name, element: { kind: "any" } };
  }
  // The old style (type = "string"), and the only one JSON has.
  if (node.kind === "literal" && typeof node.value === "string") {
    const { node: inner, diagnostics } = parseHclExpression({ name: "type", text: node.value });
    const type = diagnostics.length > 0 || inner.kind === "literal" ? undefined : readType(inner);
    if (type !== undefined) return "problem" in type ? { ...type, span: node } : type;
  }
  if (node.kind === "call") {
    const [argument] = node.arguments;
    const { name } = node;
    if (argument !== undefined && node.arguments.length === 1) {
      if (name === "list" || name === "set" || name === "map") return collection(name, argument);
      if (name === "tuple" && argument.kind === "tuple") return tuple(argument.items);
      if (name === "object" && argument.kind === "object") return object(argument.items);
    }
  }
  return { problem: `this is no type; expected ${KNOWN}`, span: node };
}

function collection(kind: "list" | "set" | "map", argument: Expression): ValueType | TypeProblem {
  const element = readType(argument);
  return "problem" in element ? element : { kind, element };
}

function tuple(items: readonly Expression[]): ValueType | TypeProblem {
  const elements: ValueType[] = [];
  for (const item of items) {
    const element = readType(item);
    if ("problem" in element) return element;
    elements.push(element);
  }
  return { kind: "tuple", elements };
}

function object(items: readonly { readonly key: Expression; readonly value: Expression }[]): ValueType | TypeProblem {
  const attributes = new Map<string, AttributeType>();
  for (const { key, value } of items) {
    if (key.kind !== "literal" || typeof key.value !== "string") return { problem: "expected a name", span: key };
    const optional = value.kind === "call" && value.name === "optional";
    const inner = optional ? value.arguments[0] : value;
    const type: ValueType | TypeProblem = inner === undefined ? { kind: "any" } : readType(inner);
    if ("problem" in type) return type;
    const fallback = optional ? value.arguments[1] : undefined;
    attributes.set(key.value, fallback === undefined ? { type, optional } : { type, optional, fallback });
  }
  return { kind: "object", attributes };
}

export type Conversion =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly message: string };

/** The value as the type wants it; null fits every type. */
export function convertTo(value: Value, type: ValueType): Conversion {
  if (value === null || type.kind === "any") return { ok: true, value };
  switch (type.kind) {
    case "string":
      return converted(toText(value), value, "a string");
    case "number":
      return converted(toNumber(value), value, "a number");
    case "bool":
      return converted(toFlag(value), value, "a bool");
    case "list":
    case "set":
      return isList(value) ? convertList(value, type) : mismatch(value, `a ${type.kind}`);
    case "tuple":
      return isList(value) && value.length === type.elements.length
        ? convertAll(value.map((item, index) => [item, type.elements[index] ?? { kind: "any" }]))
        : mismatch(value, `a list of ${type.elements.length} elements`);
    case "map":
      return isMap(value)
        ? convertEntries(Object.entries(value).map(([key, item]) => [key, item, type.element]))
        : mismatch(value, "a map");
    case "object":
      return isMap(value) ? convertObject(value, type.attributes) : mismatch(value, "an object");
    default:
      return type satisfies never;
  }
}

function converted(result: Value | undefined, value: Value, wanted: string): Conversion {
  return result === undefined ? mismatch(value, wanted) : { ok: true, value: result };
}

function mismatch(value: Value, wanted: string): Conversion {
  const found = typeof value === "string" ? `the string ${JSON.stringify(value)}` : typeName(value);
  return { ok: false, message: `expected ${wanted}, found ${found}` };
}

function convertList(value: readonly Value[], type: ListType): Conversion {
  const list = convertAll(value.map((item) => [item, type.element]));
  return list.ok && type.kind === "set" && isList(list.value) ? { ok: true, value: setOf(list.value) } : list;
}

/** Sets are lists without repetition; those of texts and numbers are sorted. */
export function setOf(items: readonly Value[]): readonly Value[] {
  const distinct = [...new Map(items.map((item) => [identity(item), item])).values()];
  return distinct.sort((a, b) => {
    if (typeof a === "number" && typeof b === "number") return a - b;
    return typeof a === "string" && typeof b === "string" ? compareText(a, b) : 0;
  });
}

function convertAll(items: readonly (readonly [Value, ValueType])[]): Conversion {
  const list: Value[] = [];
  for (const [index, [item, type]] of items.entries()) {
    const result = convertTo(item, type);
    if (!result.ok) return { ok: false, message: `element ${index}: ${result.message}` };
    list.push(result.value);
  }
  return { ok: true, value: list };
}

function convertObject(
  value: { readonly [key: string]: Value },
  attributes: ReadonlyMap<string, AttributeType>,
): Conversion {
  const entries: [string, Value, ValueType][] = [];
  for (const [name, { type, optional, fallback }] of attributes) {
    const item = getKey(value, name);
    if (item === undefined && !optional) return { ok: false, message: `the attribute "${name}" is missing` };
    entries.push([name, item ?? (fallback === undefined ? null : constantOf(fallback)), type]);
  }
  return convertEntries(entries);
}

/** Defaults in types are written out: literals, and lists and objects of them. Anything else counts as null. */
function constantOf(node: Expression): Value {
  if (node.kind === "literal") return node.value;
  if (node.kind === "parentheses") return constantOf(node.inner);
  if (node.kind === "tuple") return node.items.map(constantOf);
  if (node.kind === "unary" && node.operator === "-") return -(toNumber(constantOf(node.operand)) ?? 0);
  if (node.kind !== "object") return null;
  return mapOf(
    node.items.flatMap(({ key, value }) =>
      key.kind === "literal" ? [[String(key.value), constantOf(value)] as const] : [],
    ),
  );
}

function convertEntries(items: readonly (readonly [string, Value, ValueType])[]): Conversion {
  const entries: [string, Value][] = [];
  for (const [key, item, type] of items) {
    const result = convertTo(item, type);
    if (!result.ok) return { ok: false, message: `"${key}": ${result.message}` };
    entries.push([key, result.value]);
  }
  return { ok: true, value: mapOf(entries) };
}
