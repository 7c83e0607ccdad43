import * as v from "valibot";
import { jsonBody } from "#base/http/body.ts";
import { demand, SOME, type Access, type CapabilityRule } from "#base/http/access.ts";
import { HttpError } from "#base/http/http-error.ts";
import { queryInteger } from "#base/http/query.ts";
import { route, type Reply, type Route } from "#base/http/route.ts";
import { parseDuration } from "#base/language/duration.ts";
import { block, text } from "#base/protocol/schema.ts";
import type { StoredVariable } from "#base/protocol/variable.ts";
import type { Row } from "#base/state/table.ts";
import { variables } from "#base/state/tables.ts";
import type { VariableOutcome } from "../server/variables/variable-endpoint.ts";
import type { VariableRequest } from "../server/variables/variable-change.ts";
import { DEFAULT_LOCK_NS, type Items } from "../server/variables/variable-rules.ts";
import { variableMetadata } from "./answers/variable.ts";
import type { NomadHttpDeps } from "./nomad-deps.ts";
import { listed, namespaced, namespaceFilter, oneNamespace, orThrow } from "./requests.ts";

const access = (capability: string) => ({ kind: "capability", resource: "variables", capability }) as const;

/** Of the variable that the path of the request names; a namespace of the body alone is looked at by the handler. */
const variable = (capability: string): CapabilityRule => ({
  ...access(capability),
  of: ({ params, rawQuery }) => nameOf(rawQuery.get("namespace")?.[0] ?? "", params["path"] ?? ""),
});

/** As access rules name a variable. */
function nameOf(namespace: string, path: string): string {
  return `${namespace === "" ? "default" : namespace}/${pathOf(path)}`;
}

function variableName(item: unknown): string {
  const { Namespace, Path } = v.parse(v.object({ Namespace: v.string(), Path: v.string() }), item);
  return nameOf(Namespace, Path);
}

/** A lock's times are text with a unit, or nanoseconds. */
const lockTime = v.optional(v.nullable(v.union([v.string(), v.number()])), null);
const VariableBody = v.object({
  Namespace: text,
  Path: text,
  Items: v.nullish(v.record(v.string(), v.string()), null),
  Lock: block(v.object({ ID: text, TTL: lockTime, LockDelay: lockTime })),
});
type VariableBody = v.InferOutput<typeof VariableBody>;

/** Largest body: 64 KiB of items, each byte escaped at worst. */
const MAX_BODY_BYTES = 512 * 1024;
/** Present, whatever its value: clients send the bare name. */
const present = v.optional(v.string());

/** https://developer.hashicorp.com/nomad/api-docs/variables/variables and …/locks */
export function variableRoutes(deps: NomadHttpDeps): Route[] {
  const { view } = deps.server.context.state;
  const table = view.table(variables);
  return [
    route({
      method: "GET",
      path: "/v1/vars",
      summary: "List variables, without what they hold",
      access: { ...access("list"), of: () => SOME, each: { ...access("list"), nameOf: variableName } },
      query: v.object(listed),
      tables: [variables],
      filter: "items",
      pageKey: variableKey,
      handle: ({ query }) => ({
        kind: "state",
        read: () => ({
          index: table.lastIndex,
          value: [...table.list(namespaceFilter(query.namespace), query.prefix)].map((row) => variableMetadata(row)),
        }),
      }),
    }),
    route({
      method: "GET",
      path: "/v1/var/*path",
      summary: "Read a variable",
      access: variable("read"),
      query: v.object(namespaced),
      tables: [variables],
      handle: ({ params, query }) => ({
        kind: "state",
        read: () => {
          const row = table.get(oneNamespace(query.namespace), pathOf(params.path));
          return row === undefined
            ? { index: table.lastIndex, value: undefined, missing: "variable not found" }
            : { index: row.modifyIndex, value: variableAnswer(deps, row) };
        },
      }),
    }),
    ...variableWrites(deps),
  ];
}

function variableWrites(deps: NomadHttpDeps): Route[] {
  const { variables: endpoint } = deps.server;
  return [
    route({
      method: ["PUT", "POST"],
      path: "/v1/var/*path",
      summary: "Write a variable, or acquire, renew or release its lock",
      access: { ...access("write"), of: () => SOME },
      query: v.object({
        namespace: v.optional(v.string(), ""),
        cas: queryInteger,
        "lock-acquire": present,
        "lock-renew": present,
        "lock-release": present,
      }),
      body: jsonBody(VariableBody),
      maxBodyBytes: MAX_BODY_BYTES,
      handle: async ({ params, query, body, access: mine }) => {
        const path = pathOf(params.path);
        if (body.Path !== "" && pathOf(body.Path) !== path) {
          throw new HttpError(400, `the path in the request body, "${body.Path}", is not the path of the request`);
        }
        const namespace = oneNamespace(query.namespace === "" ? body.Namespace : query.namespace);
        demand(mine, { resource: "variables", capability: "write", name: nameOf(namespace, path) });
        const request = requestOf(deps, query, body);
        const at = { Namespace: namespace, Path: path };
        const mayRead = maySee(mine, at);
        const hasItems =
          request.kind === "put" || (request.kind === "acquire" && (mayRead || request.items !== undefined));
        const outcome = orThrow(await endpoint.apply(namespace, path, request));
        return answered(deps, outcome, { at, hasItems, mayRead });
      },
    }),
    route({
      method: "DELETE",
      path: "/v1/var/*path",
      summary: "Delete a variable",
      access: variable("destroy"),
      query: v.object({ ...namespaced, cas: queryInteger }),
      handle: async ({ params, query, access: mine }) => {
        const at = { Namespace: oneNamespace(query.namespace), Path: pathOf(params.path) };
        const request = { kind: "delete", cas: query.cas, lockId: "" } as const;
        const outcome = orThrow(await endpoint.apply(at.Namespace, at.Path, request));
        if (outcome.kind === "conflict")
          return answered(deps, outcome, { at, hasItems: false, mayRead: maySee(mine, at) });
        return { kind: "empty", status: 204, index: outcome.index };
      },
    }),
  ];
}

function requestOf(
  { server }: NomadHttpDeps,
  query: { readonly cas: number | undefined } & Readonly<Record<string, unknown>>,
  { Items: sent, Lock }: VariableBody,
): VariableRequest {
  const operations = ["lock-acquire", "lock-renew", "lock-release"].filter((name) => query[name] !== undefined);
  if (operations.length > 1) throw new HttpError(400, `only one of ${operations.join(" and ")} may be given`);
  const lockId = Lock?.ID ?? "";
  const hasItems = sent !== null && Object.keys(sent).length > 0;
  switch (operations[0]) {
    case "lock-acquire": {
      const times = { TTL: lockNs(Lock?.TTL ?? null, "TTL"), LockDelay: lockNs(Lock?.LockDelay ?? null, "LockDelay") };
      const lock = { ID: server.context.env.random.uuid(), ...times };
      return { kind: "acquire", items: hasItems ? sent : undefined, lock, lockId };
    }
    case "lock-renew":
    case "lock-release":
      if (lockId === "") throw new HttpError(400, "Lock.ID is missing: send the ID that acquiring the lock gave");
      if (operations[0] === "lock-renew") return { kind: "renew", lockId };
      if (hasItems) throw new HttpError(400, "releasing a lock changes no items: send none, or write them before");
      return { kind: "release", lockId };
    default:
      return { kind: "put", items: sent ?? {}, cas: query.cas, lockId };
  }
}

function lockNs(time: string | number | null, name: string): number {
  if (time === null || time === "" || time === 0) return DEFAULT_LOCK_NS;
  const ns = typeof time === "number" ? time : parseDuration(time);
  if (ns !== undefined && Number.isFinite(ns)) return ns;
  throw new HttpError(400, `Lock.${name} ${JSON.stringify(time)}: expected a duration such as "15s"`);
}

interface At {
  readonly Namespace: string;
  readonly Path: string;
}

interface Answering {
  readonly at: At;
  /** What was done is answered with the items. */
  readonly hasItems: boolean;
  /** Who may only write is not told by a conflict what somebody else wrote. */
  readonly mayRead: boolean;
}

function maySee(access: Access, { Namespace, Path }: At): boolean {
  return access.isManagement || access.allows("variables", "read", nameOf(Namespace, Path));
}

function answered(deps: NomadHttpDeps, outcome: VariableOutcome, { at, hasItems, mayRead }: Answering): Reply {
  const { row } = outcome;
  const status = outcome.kind === "conflict" ? 409 : 200;
  const index = outcome.kind === "done" ? outcome.index : (row?.modifyIndex ?? deps.server.context.state.index);
  if (row === undefined) {
    const none = { CreateIndex: 0, ModifyIndex: 0, CreateTime: 0, ModifyTime: 0, Items: null, Lock: null };
    return { kind: "json", status, index, value: { ...at, ...none } };
  }
  const to = outcome.kind === "done" ? "holder" : "reader";
  const isWhole = outcome.kind === "done" ? hasItems : mayRead;
  const value = isWhole ? variableAnswer(deps, row, to) : variableMetadata(row, to);
  return { kind: "json", status, index, value };
}

function variableAnswer({ server }: NomadHttpDeps, row: Row<StoredVariable>, to: "holder" | "reader" = "reader") {
  const items: Items = orThrow(server.variables.itemsOf(row));
  return { ...variableMetadata(row, to), Items: items };
}

/** Clients trim slashes; so do we. */
function pathOf(path: string): string {
  return path.replaceAll(/^[/ ]+|[/ ]+$/g, "");
}

function variableKey(item: unknown): string {
  const { Namespace, Path } = v.parse(v.object({ Namespace: v.string(), Path: v.string() }), item);
  return `${Namespace}!${Path}`;
}
