import type { Result } from "#base/env/errors.ts";
import {
  all,
  BOOL,
  f0,
  f1,
  f2,
  STRING,
  type Defined,
  type Outcome,
} from "#base/language/go-template/functions/define.ts";
import { isSlice, typeOf } from "#base/language/go-template/type-of.ts";
import { GoError, GoObject, GoPending, sliceOf, type GoValue } from "#base/language/go-template/value.ts";
import type { Dependency } from "../dependencies/dependency.ts";
import * as parse from "../dependencies/parse-dependency.ts";
import { ask, type Sources } from "./sources.ts";

const LIST = { empty: [] };
const NOTHING = { empty: null };

/** consul-template's functions over Consul's API (docs/templating-language.md, "API Functions"). */
export function consulFunctions(sources: Sources): readonly Defined[] {
  const list = (name: string, parser: (query: string) => Result<Dependency>): Defined =>
    all(name, STRING, (query) => ask(sources, parser(query.join("")), LIST));
  const health = (name: string, kind: "health.service" | "health.connect"): Defined =>
    all(name, STRING, (query) =>
      (query[0] ?? "") === "" ? [] : ask(sources, parse.parseService(query.join("|"), kind), LIST),
    );
  return [
    all("datacenters", BOOL, (flags) =>
      flags.length > 1
        ? new GoError(`datacenters: wrong number of arguments, expected 0 or 1, but got ${flags.length}`)
        : ask(sources, { kind: "catalog.datacenters", ignoreFailing: flags[0] ?? false }, LIST),
    ),
    f0("partitions", () => ask(sources, { kind: "list.partitions" }, LIST)),
    all("exportedServices", STRING, (names) => ofPartition(sources, "exportedServices", names)),
    all("importedServices", STRING, (names) => ofPartition(sources, "importedServices", names)),
    all("node", STRING, (query) => ask(sources, parse.parseNode(query.join("")), NOTHING)),
    list("nodes", parse.parseNodes),
    list("peerings", parse.parsePeerings),
    list("services", parse.parseServices),
    health("service", "health.service"),
    health("connect", "health.connect"),
    all("caRoots", STRING, () => ask(sources, { kind: "connect.caroots" }, LIST)),
    all("caLeaf", STRING, ([service = ""]) =>
      service === "" ? null : ask(sources, { kind: "connect.caleaf", service }, NOTHING),
    ),
    ...keyFunctions(sources),
  ];
}

function ofPartition(
  sources: Sources,
  name: "exportedServices" | "importedServices",
  names: readonly string[],
): Outcome {
  if (names.length > 1) return new GoError(`${name}: wrong number of arguments, expected 0 or 1`);
  return ask(sources, { kind: `list.${name}`, partition: names[0] ?? "" }, LIST);
}

function keyFunctions(sources: Sources): readonly Defined[] {
  const pairs = (name: string, options: Listing): Defined =>
    f1(name, [STRING], (prefix) =>
      prefix === ""
        ? []
        : ask(sources, parse.parsePrefix(prefix), { empty: [], read: (items) => listed(items, options) }),
    );
  return [
    f1("key", [STRING], (key) =>
      key === "" ? "" : ask(sources, parse.parseKey(key, { block: true }), { empty: "", read: (value) => value ?? "" }),
    ),
    f1("keyExists", [STRING], (key) =>
      key === ""
        ? false
        : ask(sources, parse.parseKey(key, { block: false }), { empty: false, read: (value) => value !== null }),
    ),
    f2("keyOrDefault", [STRING, STRING], (key, fallback) =>
      key === ""
        ? fallback
        : ask(sources, parse.parseKey(key, { block: false }), {
            empty: fallback,
            read: (value) => (value === null || value === "" ? fallback : value),
          }),
    ),
    pairs("ls", { keeps: isTop, safe: false }),
    pairs("safeLs", { keeps: isTop, safe: true }),
    pairs("tree", { keeps: isLeaf, safe: false }),
    pairs("safeTree", { keeps: isLeaf, safe: true }),
  ];
}

export interface Listing {
  readonly keeps: (item: GoValue) => boolean;
  /** An empty list does not count as an answer. */
  readonly safe: boolean;
}

/** The items of a list that a function shows. */
export function listed(answer: GoValue, { keeps, safe }: Listing): Outcome {
  if (!isSlice(answer)) return [];
  const items = sliceOf(typeOf(answer), answer.filter(keeps));
  return items.length === 0 && safe ? new GoPending(items) : items;
}

function keyOf(pair: GoValue): string {
  const key = pair instanceof GoObject ? pair.field("Key") : "";
  return typeof key === "string" ? key : "";
}

function isTop(pair: GoValue): boolean {
  const key = keyOf(pair);
  return key !== "" && !key.includes("/");
}

/** Not a folder's own key. */
function isLeaf(pair: GoValue): boolean {
  return /[^/]$/.test(keyOf(pair));
}
