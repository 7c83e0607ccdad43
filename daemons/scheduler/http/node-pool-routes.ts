import * as v from "valibot";
import { jsonBody } from "#base/http/body.ts";
import { demand, SOME, type CapabilityRule } from "#base/http/access.ts";
import { HttpError } from "#base/http/http-error.ts";
import { queryFlag, queryText } from "#base/http/query.ts";
import { route, type Reply, type Route } from "#base/http/route.ts";
import { GLOBAL } from "#base/protocol/keys.ts";
import { NodePoolSchema, type NodePool } from "#base/protocol/node-pool.ts";
import type { Row } from "#base/state/table.ts";
import { allocReports, allocs, evals, jobs, nodePools, nodes, nodeStates } from "#base/state/tables.ts";
import { ALL_POOL, findNodePool, listNodePools } from "../server/tenancy/node-pool.ts";
import { jobStub } from "./answers/job.ts";
import { nodeStub } from "./answers/node.ts";
import type { NomadHttpDeps } from "./nomad-deps.ts";
import {
  idKey,
  jobListKey,
  listed,
  namespaceFilter,
  newestOf,
  orThrow,
  readNodePool,
  writeNodePool,
  eachOf,
  listJobs,
} from "./requests.ts";

/** https://developer.hashicorp.com/nomad/api-docs/node-pools */
export function nodePoolRoutes(deps: NomadHttpDeps): Route[] {
  const { view } = deps.server.context.state;
  const table = view.table(nodePools);
  return [
    route({
      method: "GET",
      path: "/v1/node/pools",
      summary: "List node pools",
      access: { ...readNodePool, of: () => SOME, each: { ...readNodePool, nameOf: nameKey } },
      query: v.object({ prefix: queryText }),
      tables: [nodePools],
      filter: "items",
      pageKey: nameKey,
      handle: ({ query }) => ({
        kind: "state",
        read: () => ({ index: table.lastIndex, value: listNodePools(view, query.prefix).map(poolAnswer) }),
      }),
    }),
    route({
      method: "GET",
      path: "/v1/node/pool/:name",
      summary: "Read a node pool",
      access: pool(readNodePool),
      tables: [nodePools],
      handle: ({ params }) => ({
        kind: "state",
        read: () => {
          const row = findNodePool(view, params.name);
          return row === undefined
            ? { index: table.lastIndex, value: undefined, missing: "node pool not found" }
            : { index: row.modifyIndex, value: poolAnswer(row) };
        },
      }),
    }),
    ...poolMembers(deps),
    ...poolWrites(deps),
  ];
}

function nameKey(item: unknown): string {
  return v.parse(v.object({ Name: v.string() }), item).Name;
}

/** Of the pool that the path names. */
function pool(rule: CapabilityRule): CapabilityRule {
  return { ...rule, of: ({ params }) => params["name"] ?? "" };
}

const JOB_TABLES = [jobs, allocs, allocReports, evals, nodePools];

/** What is in a pool: nodes and jobs. */
function poolMembers({ server }: NomadHttpDeps): Route[] {
  const { state } = server.context;
  const requirePool = (name: string): void => {
    if (findNodePool(state.view, name) === undefined) throw new HttpError(404, "node pool not found");
  };
  return [
    route({
      method: "GET",
      path: "/v1/node/pool/:name/nodes",
      summary: "List the nodes of a pool",
      access: { ...pool(readNodePool), each: { resource: "node", capability: "read", nameOf: () => "" } },
      query: v.object({ prefix: queryText, resources: queryFlag, os: queryFlag }),
      tables: [nodes, nodeStates, nodePools],
      filter: "items",
      pageKey: idKey,
      handle: ({ params, query }) => ({
        kind: "state",
        read: () => {
          requirePool(params.name);
          const rows = [...state.view.table(nodes).list(GLOBAL, query.prefix)];
          const own = rows.filter(({ value }) => params.name === ALL_POOL || value.NodePool === params.name);
          return {
            index: newestOf(state, [nodes, nodeStates]),
            value: own.map((row) => nodeStub(state, row, query)),
          };
        },
      }),
    }),
    route({
      method: "GET",
      path: "/v1/node/pool/:name/jobs",
      summary: "List the jobs of a pool",
      access: { ...pool(readNodePool), each: eachOf(listJobs).each },
      query: v.object({ ...listed, meta: queryFlag }),
      tables: JOB_TABLES,
      filter: "items",
      pageKey: jobListKey,
      handle: ({ params, query }) => ({
        kind: "state",
        read: () => {
          requirePool(params.name);
          const rows = [...state.view.table(jobs).list(namespaceFilter(query.namespace), query.prefix)];
          const own = rows.filter(({ value }) => value.NodePool === params.name);
          return { index: newestOf(state, JOB_TABLES), value: own.map((row) => jobStub(state, row, query.meta)) };
        },
      }),
    }),
  ];
}

function poolWrites({ server }: NomadHttpDeps): Route[] {
  const upsert = async (body: NodePool): Promise<Reply> => ({
    kind: "empty",
    status: 200,
    index: orThrow(await server.nodePools.upsert(body)),
  });
  const writing = {
    method: ["PUT", "POST"],
    access: pool(writeNodePool),
    body: jsonBody(NodePoolSchema),
    target: ({ Name }: NodePool) => `node pool ${Name}`,
  } as const;
  return [
    route({
      ...writing,
      path: "/v1/node/pools",
      summary: "Create a node pool",
      access: { ...writeNodePool, of: () => SOME },
      handle({ body, access }) {
        demand(access, { ...writeNodePool, name: body.Name });
        return upsert(body);
      },
    }),
    route({
      ...writing,
      path: "/v1/node/pool/:name",
      summary: "Create or change a node pool",
      handle: ({ body, params }) => {
        if (body.Name !== "" && body.Name !== params.name) {
          throw new HttpError(400, "node pool name does not match request path");
        }
        return upsert({ ...body, Name: params.name });
      },
    }),
    route({
      method: "DELETE",
      path: "/v1/node/pool/:name",
      summary: "Delete a node pool that nobody uses",
      access: pool({ ...writeNodePool, capability: "delete" }),
      handle: async ({ params }) => ({
        kind: "empty",
        status: 200,
        index: orThrow(await server.nodePools.remove(params.name)),
      }),
    }),
  ];
}

function poolAnswer({ value, createIndex, modifyIndex }: Row<NodePool>) {
  return { ...value, CreateIndex: createIndex, ModifyIndex: modifyIndex };
}
