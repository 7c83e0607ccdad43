import * as v from "valibot";
import { jsonBody } from "#base/http/body.ts";
import { SOME } from "#base/http/access.ts";
import { HttpError } from "#base/http/http-error.ts";
import { queryText } from "#base/http/query.ts";
import { route, type Reply, type Route } from "#base/http/route.ts";
import { NamespaceSchema, type Namespace, type StoredNamespace } from "#base/protocol/namespace.ts";
import type { Row } from "#base/state/table.ts";
import { namespaces } from "#base/state/tables.ts";
import { findNamespace, listNamespaces } from "../server/tenancy/namespace.ts";
import type { NomadHttpDeps } from "./nomad-deps.ts";
import { management, orThrow } from "./requests.ts";

/** Whoever has any capability in a namespace sees it. */
const anyIn = { kind: "capability", resource: "namespace", capability: "any" } as const;
const each = { resource: "namespace", capability: "any", nameOf: nameKey };

/** https://developer.hashicorp.com/nomad/api-docs/namespaces */
export function namespaceRoutes(deps: NomadHttpDeps): Route[] {
  const { view } = deps.server.context.state;
  const table = view.table(namespaces);
  return [
    route({
      method: "GET",
      path: "/v1/namespaces",
      summary: "List namespaces",
      access: { ...anyIn, of: () => SOME, each },
      query: v.object({ prefix: queryText }),
      tables: [namespaces],
      filter: "items",
      pageKey: nameKey,
      handle: ({ query }) => ({
        kind: "state",
        read: () => ({ index: table.lastIndex, value: listNamespaces(view, query.prefix).map(namespaceAnswer) }),
      }),
    }),
    route({
      method: "GET",
      path: "/v1/namespace/:name",
      summary: "Read a namespace",
      access: { ...anyIn, of: ({ params }) => params["name"] ?? "" },
      tables: [namespaces],
      handle: ({ params }) => ({
        kind: "state",
        read: () => {
          const row = findNamespace(view, params.name);
          return row === undefined
            ? { index: table.lastIndex, value: undefined, missing: "Namespace not found" }
            : { index: row.modifyIndex, value: namespaceAnswer(row) };
        },
      }),
    }),
    ...namespaceWrites(deps),
  ];
}

function namespaceWrites({ server }: NomadHttpDeps): Route[] {
  const upsert = async (body: Namespace): Promise<Reply> => ({
    kind: "empty",
    status: 200,
    index: orThrow(await server.namespaces.upsert(body)),
  });
  const writing = {
    method: ["PUT", "POST"],
    access: management,
    body: jsonBody(NamespaceSchema),
    target: ({ Name }: Namespace) => `namespace ${Name}`,
  } as const;
  return [
    route({ ...writing, path: "/v1/namespace", summary: "Create a namespace", handle: ({ body }) => upsert(body) }),
    route({ ...writing, path: "/v1/namespaces", summary: "Create a namespace", handle: ({ body }) => upsert(body) }),
    route({
      ...writing,
      path: "/v1/namespace/:name",
      summary: "Create or change a namespace",
      handle: ({ body, params }) => {
        if (body.Name !== "" && body.Name !== params.name) {
          throw new HttpError(400, "Namespace name does not match request path");
        }
        return upsert({ ...body, Name: params.name });
      },
    }),
    route({
      method: "DELETE",
      path: "/v1/namespace/:name",
      summary: "Delete a namespace that nobody uses",
      access: management,
      handle: async ({ params }) => ({
        kind: "empty",
        status: 200,
        index: orThrow(await server.namespaces.remove(params.name)),
      }),
    }),
  ];
}

function namespaceAnswer({ value, createIndex, modifyIndex }: Row<StoredNamespace>) {
  const { Deleting: _deleting, Meta, ...rest } = value;
  const meta = Object.keys(Meta).length === 0 ? null : Meta;
  return { ...rest, Meta: meta, CreateIndex: createIndex, ModifyIndex: modifyIndex };
}

function nameKey(item: unknown): string {
  return v.parse(v.object({ Name: v.string() }), item).Name;
}
