import * as v from "valibot";
import { parseDuration } from "#base/language/duration.ts";
import { demand } from "#base/http/access.ts";
import { jsonBody } from "#base/http/body.ts";
import { HttpError } from "#base/http/http-error.ts";
import { route, type Route } from "#base/http/route.ts";
import { GLOBAL } from "#base/protocol/keys.ts";
import { text } from "#base/protocol/schema.ts";
import { sessions as sessionTable } from "#base/state/tables.ts";
import { askedNode } from "./asked-node.ts";
import { inBody, sessionList, sessionRule } from "./consul-access.ts";
import type { ConsulDeps } from "./consul-deps.ts";
import { API_KEYS, spelled } from "../catalog/key-spelling.ts";
import { sessionShape } from "./shapes.ts";

const DEFAULT_LOCK_DELAY_NS = 15e9;
const MAX_LOCK_DELAY_NS = 60e9;

const ServiceCheckSchema = v.union([
  v.object({ ID: v.string(), Namespace: text }),
  v.pipe(
    v.string(),
    v.transform((ID) => ({ ID, Namespace: "" })),
  ),
]);
const CreateSchema = v.object({
  Name: text,
  Node: text,
  LockDelay: text,
  Behavior: text,
  TTL: text,
  /** Ours, in place of a TTL: at least two seconds, and taken at its word. */
  Lease: text,
  Checks: v.nullish(v.array(v.string())),
  NodeChecks: v.nullish(v.array(v.string())),
  ServiceChecks: v.nullish(v.array(ServiceCheckSchema), () => []),
});

/** https://developer.hashicorp.com/consul/api-docs/session */
export function sessionRoutes(deps: ConsulDeps): Route[] {
  return [createRoute(deps), ...endRoutes(deps), ...readRoutes(deps)];
}

function createRoute(deps: ConsulDeps): Route {
  const { sessions } = deps;
  return route({
    method: "PUT",
    path: "/v1/session/create",
    summary: "Makes a session; its ID takes locks",
    access: inBody("session", "write"),
    body: jsonBody(spelled(CreateSchema, API_KEYS), { whenEmpty: {} }),
    async handle({ body, access, headers }) {
      const Node = body.Node || askedNode({ headers }, deps);
      demand(access, { resource: "session", capability: "write", name: Node });
      const wanted = {
        Name: body.Name,
        Node,
        LockDelay: lockDelayOf(body.LockDelay),
        Behavior: behaviorOf(body.Behavior),
        TTL: body.Lease || body.TTL,
        NodeChecks: body.NodeChecks ?? body.Checks ?? ["serfHealth"],
        ServiceChecks: body.ServiceChecks,
      };
      const session = await sessions.create(wanted, { isLease: body.Lease !== "" });
      return { kind: "json", value: { ID: session.ID } };
    },
  });
}

function behaviorOf(given: string): "release" | "delete" {
  if (given === "" || given === "release") return "release";
  if (given === "delete") return "delete";
  throw new HttpError(400, `Invalid Behavior setting ${JSON.stringify(given)}: expected release or delete`);
}

/** Seconds where a client sent a bare small number, as old ones do. */
function lockDelayOf(given: string): number {
  if (given === "") return DEFAULT_LOCK_DELAY_NS;
  const bare = /^(\d+)(?:ns)?$/.exec(given)?.[1];
  const ns = bare !== undefined && Number(bare) < 1000 ? Number(bare) * 1e9 : parseDuration(given);
  if (ns !== undefined && ns >= 0 && ns <= MAX_LOCK_DELAY_NS) return ns;
  throw new HttpError(400, `Invalid LockDelay ${JSON.stringify(given)}: expected a duration from 0s to 60s`);
}

function endRoutes(deps: ConsulDeps): Route[] {
  const { sessions } = deps;
  const access = sessionRule(deps, "write");
  return [
    route({
      method: "PUT",
      path: "/v1/session/destroy/:id",
      summary: "Ends a session; what it held is released or deleted",
      access,
      async handle({ params: { id } }) {
        await sessions.end(id);
        return { kind: "json", value: true };
      },
    }),
    route({
      method: "PUT",
      path: "/v1/session/renew/:id",
      summary: "Gives a session its whole TTL again",
      access,
      handle({ params: { id } }) {
        const row = sessions.renew(id);
        if (row === undefined) throw new HttpError(404, `Session id '${id}' not found`);
        return { kind: "json", value: [sessionShape(row)] };
      },
    }),
  ];
}

function readRoutes({ sessions, view }: ConsulDeps): Route[] {
  const shared = { method: "GET", access: sessionList, tables: [sessionTable] } as const;
  const table = () => view.table(sessionTable);
  return [
    route({
      ...shared,
      path: "/v1/session/info/:id",
      summary: "A session, in a list; an empty list when there is none",
      handle({ params: { id } }) {
        const read = () => {
          const row = sessions.get(id);
          return { index: row?.modifyIndex ?? table().lastIndex, value: row === undefined ? [] : [sessionShape(row)] };
        };
        return { kind: "state", read };
      },
    }),
    route({
      ...shared,
      path: "/v1/session/list",
      summary: "Lists sessions",
      filter: "items",
      handle() {
        return {
          kind: "state",
          read: () => ({ index: table().lastIndex, value: [...table().list(GLOBAL)].map(sessionShape) }),
        };
      },
    }),
    route({
      ...shared,
      path: "/v1/session/node/:node",
      summary: "Lists a node's sessions",
      filter: "items",
      handle({ params: { node } }) {
        return {
          kind: "state",
          read: () => ({ index: table().lastIndex, value: [...table().by("node", node)].map(sessionShape) }),
        };
      },
    }),
  ];
}
