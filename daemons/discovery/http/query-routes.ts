import * as v from "valibot";
import { demand, type Access } from "#base/http/access.ts";
import { jsonBody } from "#base/http/body.ts";
import { HttpError } from "#base/http/http-error.ts";
import { queryText } from "#base/http/query.ts";
import { route, type Route } from "#base/http/route.ts";
import { GLOBAL } from "#base/protocol/keys.ts";
import { PreparedQuerySchema, type PreparedQuery } from "#base/protocol/prepared-query.ts";
import type { Row } from "#base/state/table.ts";
import { preparedQueries } from "#base/state/tables.ts";
import { executeQuery } from "../queries/execute.ts";
import { askedNode } from "./asked-node.ts";
import { inBody } from "./consul-access.ts";
import type { ConsulDeps } from "./consul-deps.ts";
import { nearOf } from "./selection.ts";
import { healthShape, preparedQueryShape } from "./shapes.ts";
import { QUERY_KEYS, spelled } from "../catalog/key-spelling.ts";

const Limits = v.object({
  near: queryText,
  limit: v.optional(v.pipe(v.string(), v.regex(/^\d{1,6}$/, "expected a number")), "0"),
});

/** https://developer.hashicorp.com/consul/api-docs/query */
export function queryRoutes(deps: ConsulDeps): Route[] {
  return [...listRoutes(deps), ...writeRoutes(deps), ...useRoutes(deps)];
}

const body = jsonBody(spelled(PreparedQuerySchema, QUERY_KEYS));

function listRoutes({ view, queries }: ConsulDeps): Route[] {
  return [
    route({
      method: "GET",
      path: "/v1/query",
      summary: "Lists prepared queries",
      access: inBody("query", "read"),
      tables: [preparedQueries],
      handle({ access }) {
        const read = () => {
          const table = view.table(preparedQueries);
          const rows = [...table.list(GLOBAL)].filter(({ value }) => mayRead(access, value));
          return { index: table.lastIndex, value: rows.map((row) => shapeFor(row, access)) };
        };
        return { kind: "state", read };
      },
    }),
    route({
      method: "GET",
      path: "/v1/query/:id",
      summary: "A prepared query, in a list",
      access: inBody("query", "read"),
      tables: [preparedQueries],
      handle({ params: { id }, access }) {
        const read = () => {
          const row = queries.get(id);
          if (row !== undefined) demandQuery(access, row.value, "read");
          const value = row === undefined ? undefined : [shapeFor(row, access)];
          const index = row?.modifyIndex ?? view.table(preparedQueries).lastIndex;
          return { index, value, missing: `Query not found: ${JSON.stringify(id)}` };
        };
        return { kind: "state", read };
      },
    }),
  ];
}

function writeRoutes({ queries }: ConsulDeps): Route[] {
  const target = ({ Name }: PreparedQuery): string => `query ${Name}`;
  return [
    route({
      method: "POST",
      path: "/v1/query",
      summary: "Keeps a query",
      access: inBody("query", "write"),
      body,
      target,
      async handle({ body: query, access }) {
        demandQuery(access, query, "write");
        return { kind: "json", value: { ID: await queries.create(query) } };
      },
    }),
    route({
      method: "PUT",
      path: "/v1/query/:id",
      summary: "Changes a kept query",
      access: inBody("query", "write"),
      body,
      target,
      async handle({ params: { id }, body: query, access }) {
        const known = queries.get(id);
        if (known === undefined) throw new HttpError(404, `Query not found: ${JSON.stringify(id)}`);
        demandQuery(access, known.value, "write");
        demandQuery(access, query, "write");
        // Whoever reads it without its token gets it back masked: that is not a new token.
        const Token = query.Token === HIDDEN ? known.value.Token : query.Token;
        await queries.update({ ...query, ID: id, Token });
        return { kind: "empty", status: 200 };
      },
    }),
    route({
      method: "DELETE",
      path: "/v1/query/:id",
      summary: "Forgets a query",
      access: inBody("query", "write"),
      async handle({ params: { id }, access }) {
        const known = queries.get(id);
        if (known !== undefined) demandQuery(access, known.value, "write");
        await queries.delete(id);
        return { kind: "empty", status: 200 };
      },
    }),
  ];
}

function useRoutes(deps: ConsulDeps): Route[] {
  const { queries, config, view, env, coordinates } = deps;
  const resolve = (idOrName: string): PreparedQuery => {
    const query = queries.resolve(idOrName);
    if (query === undefined) throw new HttpError(404, `Query not found: ${JSON.stringify(idOrName)}`);
    return query;
  };
  return [
    route({
      method: "GET",
      path: "/v1/query/:id/execute",
      summary: "Carries a query out: healthy instances of its service",
      access: inBody("service", "read"),
      query: Limits,
      handle({ params: { id }, query, access, headers }) {
        const wanted = resolve(id);
        demand(access, { resource: "service", capability: "read", name: wanted.Service.Service });
        const near = nearOf(query.near || wanted.Service.Near, askedNode({ headers }, deps));
        const found = executeQuery({ view, random: env.random, coordinates }, wanted, {
          near,
          limit: Number(query.limit),
        });
        const value = {
          Service: wanted.Service.Service,
          Nodes: found.map(healthShape),
          DNS: wanted.DNS,
          Datacenter: config.datacenter,
          Failovers: 0,
        };
        return { kind: "json", value };
      },
    }),
    route({
      method: "GET",
      path: "/v1/query/:id/explain",
      summary: "The query that answers to a name, filled in",
      access: inBody("query", "read"),
      handle({ params: { id }, access }) {
        const query = resolve(id);
        demandQuery(access, query, "read");
        return { kind: "json", value: { Query: { ...query, Token: tokenFor(query, access) } } };
      },
    }),
  ];
}

const HIDDEN = "<hidden>";

function shapeFor(row: Row<PreparedQuery>, access: Access) {
  return { ...preparedQueryShape(row), Token: tokenFor(row.value, access) };
}

function tokenFor({ Token }: PreparedQuery, access: Access): string {
  return Token === "" || access.isManagement ? Token : HIDDEN;
}

/** One without a name is anybody's who knows its id, but only operators see it in lists. */
function mayRead(access: Access, { Name, Template }: PreparedQuery): boolean {
  if (access.isManagement) return true;
  return (Name !== "" || Template.Type !== "") && access.allows("query", "read", Name);
}

/** Throws a 403. */
function demandQuery(access: Access, { Name, Template }: PreparedQuery, capability: "read" | "write"): void {
  if (Name === "" && Template.Type === "") return;
  demand(access, { resource: "query", capability, name: Name });
}
