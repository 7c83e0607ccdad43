import { PAIRS } from "#base/language/go-template/functions/helper/collection-functions.ts";
import {
  ANY,
  f1,
  f2,
  STRING,
  typeName,
  type Defined,
  type Outcome,
} from "#base/language/go-template/functions/define.ts";
import { parseAtoi } from "#base/language/go-template/functions/text/strconv.ts";
import { GoStruct } from "#base/language/go-template/struct.ts";
import { anySliceType, intType, mapType, stringType, type GoType } from "#base/language/go-template/type.ts";
import { isMap, isSlice, typeOf } from "#base/language/go-template/type-of.ts";
import {
  GoError,
  GoObject,
  mapOf,
  sliceOf,
  type GoKey,
  type GoMap,
  type GoValue,
} from "#base/language/go-template/value.ts";

/** consul-template's functions that group answers of the APIs. */
export const groupingFunctions: readonly Defined[] = [
  f1("byKey", [PAIRS], byKey),
  f1("byTag", [ANY], (services) => group("byTag", services, { keysOf: tagsOf, key: stringType })),
  f1("byPort", [ANY], (services) => group("byPort", services, { keysOf: portsOf, key: intType })),
  f2("byMeta", [STRING, ANY], byMeta),
];

/** Pairs by the first part of their key; what is left of the key is the second map's. */
function byKey(pairs: readonly GoValue[]): Outcome {
  const elem = pairs[0] === undefined ? stringType : typeOf(pairs[0]);
  const groups = new Map<string, GoMap>();
  for (const pair of pairs) {
    const key = pair instanceof GoObject ? pair.field("Key") : undefined;
    if (!(pair instanceof GoObject) || typeof key !== "string") continue;
    const slash = key.indexOf("/");
    const rest = slash === -1 ? "" : key.slice(slash + 1);
    if (rest === "") continue;
    const top = key.slice(0, slash);
    const members = groups.get(top) ?? mapOf(mapType(stringType, elem), []);
    members.set(rest, new GoStruct({ type: pair.type, fields: { ...Object.fromEntries(pair.fields()), Key: rest } }));
    groups.set(top, members);
  }
  return mapOf(mapType(stringType, mapType(stringType, elem)), groups);
}

interface Grouping {
  /** Undefined: the service has none of what is grouped by. */
  readonly keysOf: (service: GoObject) => readonly GoKey[] | undefined;
  readonly key: GoType;
}

function group(name: string, services: GoValue, { keysOf, key }: Grouping): Outcome {
  const groups = new Map<GoKey, GoValue[]>();
  if (services !== null && !isSlice(services)) return new GoError(`${name}: wrong argument type ${typeName(services)}`);
  for (const service of services ?? []) {
    const keys = service instanceof GoObject ? keysOf(service) : undefined;
    if (keys === undefined) return new GoError(`${name}: wrong argument type ${typeName(services)}`);
    for (const each of keys) add(groups, each, service);
  }
  return mapOf(mapType(key, anySliceType), groups);
}

function add(groups: Map<GoKey, GoValue[]>, key: GoKey, item: GoValue): void {
  const members = groups.get(key);
  if (members === undefined) groups.set(key, [item]);
  else members.push(item);
}

function tagsOf(service: GoObject): readonly GoKey[] | undefined {
  const tags = service.field("Tags") ?? service.field("ServiceTags") ?? null;
  return isSlice(tags) ? tags.filter((tag) => typeof tag === "string") : undefined;
}

function portsOf(service: GoObject): readonly GoKey[] | undefined {
  const port = service.field("Port") ?? service.field("ServicePort");
  return typeof port === "bigint" ? [port] : undefined;
}

const NUMBER = "|int";

/** By the values of these keys of the services' meta, joined by `_`; `key|int` pads numbers so that they sort. */
function byMeta(keys: string, services: GoValue): Outcome {
  const groups = new Map<GoKey, GoValue[]>();
  if (!isSlice(services)) return new GoError(`byMeta: wrong argument type ${typeName(services)}`);
  for (const service of services) {
    const meta = service instanceof GoObject ? (service.field("ServiceMeta") ?? null) : null;
    if (!isMap(meta)) return new GoError(`byMeta: wrong argument type ${typeName(services)}`);
    const parts: string[] = [];
    for (const key of keys.split(",")) {
      const part = metaPart(meta, key);
      if (part instanceof GoError) return part;
      parts.push(part.replaceAll(/[^a-zA-Z0-9_-]/g, "_"));
    }
    add(groups, parts.join("_"), service);
  }
  const type = typeOf(services);
  return mapOf(
    mapType(stringType, type),
    [...groups].map(([key, members]) => [key, sliceOf(type, members)]),
  );
}

function metaPart(meta: ReadonlyMap<GoKey, GoValue>, key: string): string | GoError {
  const isNumber = key.endsWith(NUMBER);
  const name = isNumber ? key.slice(0, -NUMBER.length) : key;
  const found = meta.get(name);
  const value = typeof found === "string" && found !== "" ? found : isNumber ? "0" : `_no_${name}_`;
  if (!isNumber) return value;
  const number = parseAtoi(value);
  if (!number.ok) return new GoError(`cannot parse ${value} as number : ${number.error.message}`);
  const digits = String(number.value);
  return number.value < 0n ? `-${digits.slice(1).padStart(4, "0")}` : digits.padStart(5, "0");
}
