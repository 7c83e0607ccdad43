import { createHash } from "node:crypto";
import { fail, succeed, type Result } from "#base/env/errors.ts";
import type { ConsulScope, Dependency, HealthFilter } from "./dependency.ts";

/** Longer queries are refused: the patterns look at each character more than once. */
export const MAX_QUERY_LENGTH = 2048;

const TAG = String.raw`(?:(?<tag>[\w=:.-]+)\.)?`;
const NAME = String.raw`(?<name>[\w-]+)`;
const NODE = String.raw`(?<name>[\w.-]+)`;
const QUERY = String.raw`(?:\?(?<query>[\w=&-]+))?`;
const DATACENTER = String.raw`(?:@(?<dc>[\w.-]+))?`;
const NEAR = String.raw`(?:~(?<near>[\w.-]+))?`;
const FILTER = String.raw`(?:\|(?<filter>[\w,]+))?`;
const REGION = String.raw`(?:@(?<region>[\w.-]+))?`;
const VARIABLE_REGION = String.raw`(?:\.(?<region>[\w-]+))?`;

const PATTERNS = {
  "catalog.node": whole(`(?:${NODE}${QUERY}${DATACENTER})?`),
  "catalog.nodes": whole(QUERY + DATACENTER + NEAR),
  "catalog.services": whole(QUERY + DATACENTER),
  "catalog.service": whole(TAG + NAME + QUERY + DATACENTER + NEAR),
  "health.service": whole(TAG + NAME + QUERY + DATACENTER + NEAR + FILTER),
  "kv.get": whole(`/?(?<key>[^@?]+)${QUERY}${DATACENTER}`),
  "kv.list": whole(`(?:/?(?<key>[^@?]+)${QUERY}${DATACENTER})?`),
  "list.peerings": whole(QUERY),
  "nomad.services": whole(REGION),
  "nomad.service": whole(TAG + NAME + REGION),
  "nomad.var.get": whole(String.raw`/?(?<key>[^@]+)(?:@(?<ns>[\w-]+))?${VARIABLE_REGION}`),
  "nomad.var.list": whole(String.raw`/?(?<key>[^@]*)(?:@(?<ns>[\w-]+|\*))?${VARIABLE_REGION}`),
};
type Parsed = Result<Dependency>;

/** `name@dc`, `name?ns=…@dc`; empty: the agent's own node. */
export function parseNode(text: string): Parsed {
  return read("catalog.node", text, ({ name }, scope) => ({ kind: "catalog.node", name, ...scope }));
}

/** `@dc~near`. */
export function parseNodes(text: string): Parsed {
  return read("catalog.nodes", text, ({ near }, scope) => ({ kind: "catalog.nodes", near, ...scope }));
}

/** `?ns=…@dc`. */
export function parseServices(text: string): Parsed {
  return read("catalog.services", text, (_, scope) => ({ kind: "catalog.services", ...scope }));
}

/** `tag.name@dc~near`: all instances, whatever their health. */
export function parseCatalogService(text: string): Parsed {
  return read("catalog.service", text, ({ tag, name, near }, scope) => ({
    kind: "catalog.service",
    tag,
    name,
    near,
    ...scope,
  }));
}

/** `tag.name?ns=…&peer=…@dc~near|passing,warning`. */
export function parseService(text: string, kind: "health.service" | "health.connect" = "health.service"): Parsed {
  const matched = match("health.service", text);
  if (!matched.ok) return matched;
  const { tag, name, near, scope, groups, parameters } = matched.value;
  const filters = readFilters(groups["filter"] ?? "", text);
  if (!filters.ok) return filters;
  const peer = parameters.get("peer") ?? "";
  const samenessGroup = parameters.get("sameness-group") ?? "";
  if (peer !== "" && samenessGroup !== "")
    return fail("bad_query", "health.service: cannot specify both peer and sameness-group");
  return succeed({ kind, tag, name, near, peer, samenessGroup, filters: filters.value, ...scope });
}

/** `path?ns=…@dc`. */
export function parseKey(text: string, { block }: { readonly block: boolean }): Parsed {
  return read("kv.get", text, ({ key }, scope) => ({ kind: "kv.get", key, block, ...scope }));
}

/** `prefix?ns=…@dc`. */
export function parsePrefix(text: string): Parsed {
  return read("kv.list", text, ({ key }, scope) => ({ kind: "kv.list", prefix: key, ...scope }));
}

/** `?partition=…`. */
export function parsePeerings(text: string): Parsed {
  return read("list.peerings", text, (_, { partition }) => ({ kind: "list.peerings", partition }));
}

/** `@region`. */
export function parseNomadServices(text: string): Parsed {
  return read("nomad.services", text, ({ region }) => ({ kind: "nomad.services", region }));
}

/** `tag.name@region`. */
export function parseNomadService(text: string, choose?: { readonly count: bigint; readonly key: string }): Parsed {
  return read("nomad.service", text, ({ tag, name, region }) => ({ kind: "nomad.service", tag, name, region, choose }));
}

/** `path@namespace.region`. */
export function parseVariable(
  text: string,
  { namespace, block }: { readonly namespace: string; readonly block: boolean },
): Parsed {
  const path = text.trim().replaceAll(/^\/+|\/+$/g, "");
  return read("nomad.var.get", path, ({ key, ns, region }) => ({
    kind: "nomad.var.get",
    path: key,
    namespace: ns === "" ? namespace : ns,
    region,
    block,
  }));
}

/** `prefix@namespace.region`; the namespace may be `*`. */
export function parseVariables(text: string, namespace: string): Parsed {
  return read("nomad.var.list", text, ({ key, ns, region }) => ({
    kind: "nomad.var.list",
    prefix: /^\/*$/.test(key) ? "" : key,
    namespace: ns === "" ? namespace : ns,
    region,
  }));
}

/** `path` or `path?version=N`. */
export function parseSecret(text: string): Parsed {
  const trimmed = vaultPath("vault.read", text);
  if (!trimmed.ok) return trimmed;
  const [path = "", query = ""] = trimmed.value.split(/\?(.*)/s);
  return succeed({ kind: "vault.read", path, version: new URLSearchParams(query).get("version") ?? "" });
}

export function parseSecretWrite(text: string, data: ReadonlyMap<string, string>): Parsed {
  const path = vaultPath("vault.write", text);
  return path.ok ? succeed({ kind: "vault.write", path: path.value, data, hash: hashOf(data) }) : path;
}

export function parseSecretList(text: string): Parsed {
  const path = vaultPath("vault.list", text);
  return path.ok ? succeed({ kind: "vault.list", path: path.value }) : path;
}

export function parsePki(
  text: string,
  { data, destination }: { readonly data: ReadonlyMap<string, string>; readonly destination: string },
): Parsed {
  const trimmed = vaultPath("vault.pki", text);
  if (!trimmed.ok) return trimmed;
  const path = trimmed.value.split("?", 1)[0] ?? "";
  return succeed({ kind: "vault.pki", path, data, hash: hashOf(data), destination });
}

export function parseFile(text: string): Parsed {
  const path = text.trim();
  return path === "" ? invalid("file", text) : succeed({ kind: "file", path });
}

interface Matched {
  readonly groups: Readonly<Record<string, string | undefined>>;
  readonly parameters: URLSearchParams;
  readonly scope: ConsulScope;
  readonly tag: string;
  readonly name: string;
  readonly near: string;
  readonly key: string;
  readonly ns: string;
  readonly region: string;
}

function read(
  kind: keyof typeof PATTERNS,
  text: string,
  build: (matched: Matched, scope: ConsulScope) => Dependency,
): Parsed {
  const matched = match(kind, text);
  return matched.ok ? succeed(build(matched.value, matched.value.scope)) : matched;
}

const PARAMETERS = ["ns", "peer", "partition", "sameness-group"];

function match(kind: keyof typeof PATTERNS, text: string): Result<Matched> {
  const groups = text.length > MAX_QUERY_LENGTH ? undefined : PATTERNS[kind].exec(text)?.groups;
  if (groups === undefined) return invalid(kind, text);
  const of = (name: string): string => groups[name] ?? "";
  const parameters = new URLSearchParams(of("query"));
  const unknown = [...parameters.keys()].find((key) => !PARAMETERS.includes(key));
  if (unknown !== undefined) {
    const message = `invalid query parameter key ${JSON.stringify(unknown)} in query ${JSON.stringify(of("query"))}`;
    return fail("bad_query", `${kind}: ${message}: supported keys: ${PARAMETERS.join(",")}`);
  }
  return succeed({
    groups,
    parameters,
    scope: {
      datacenter: of("dc"),
      namespace: parameters.get("ns") ?? "",
      partition: parameters.get("partition") ?? "",
    },
    tag: of("tag"),
    name: of("name"),
    near: of("near"),
    key: of("key"),
    ns: of("ns"),
    region: of("region"),
  });
}

function readFilters(text: string, query: string): Result<readonly HealthFilter[]> {
  if (text === "") return succeed(["passing"]);
  const filters: HealthFilter[] = [];
  for (const word of text.split(",")) {
    switch (word) {
      case "":
        break;
      case "any":
      case "passing":
      case "warning":
      case "critical":
      case "maintenance":
        filters.push(word);
        break;
      default:
        return fail(
          "bad_query",
          `health.service: invalid filter: ${JSON.stringify(word)} in ${JSON.stringify(query)}`,
          "filters are any, passing, warning, critical and maintenance",
        );
    }
  }
  return succeed(filters.toSorted());
}

function vaultPath(kind: string, text: string): Result<string> {
  const path = text.trim().replaceAll(/^\/+|\/+$/g, "");
  return path === "" ? invalid(kind, path) : succeed(path);
}

/** The first eight hexadecimal digits of SHA-1 over the pairs in order of their keys. */
function hashOf(data: ReadonlyMap<string, string>): string {
  const hash = createHash("sha1");
  for (const [key, value] of [...data].toSorted(([a], [b]) => (a < b ? -1 : 1)))
    hash.update(`${key}=${JSON.stringify(value)}`);
  return hash.digest("hex").slice(0, 8);
}

function invalid(kind: string, text: string): Result<never> {
  const shown = text.length > MAX_QUERY_LENGTH ? `${text.slice(0, 40)}…` : text;
  return fail("bad_query", `${kind}: invalid format: ${JSON.stringify(shown)}`);
}

function whole(pattern: string): RegExp {
  return new RegExp(`^(?:${pattern})$`);
}
