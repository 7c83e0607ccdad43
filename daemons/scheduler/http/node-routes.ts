import * as v from "valibot";
import { jsonBody } from "#base/http/body.ts";
import { HttpError } from "#base/http/http-error.ts";
import { LongList } from "#base/http/long-list.ts";
import { queryFlag, queryText } from "#base/http/query.ts";
import { route, type Reply, type Route } from "#base/http/route.ts";
import { GLOBAL } from "#base/protocol/keys.ts";
import { block, flag, integer, text, textMap } from "#base/protocol/schema.ts";
import { allocReports, allocs, nodes, nodeStates } from "#base/state/tables.ts";
import type { ClusterState } from "../server/cluster-state.ts";
import type { NodeAnswer } from "../server/node-endpoint.ts";
import { allocAnswer } from "./answers/alloc.ts";
import { nodeAnswer, nodeIndex, nodeStub } from "./answers/node.ts";
import { NEVER } from "./answers/time.ts";
import type { NomadHttpDeps } from "./nomad-deps.ts";
import { idKey, orThrow, readNode, writeNode, newestOf, eachOf, readJob, withUnsent } from "./requests.ts";

/** https://developer.hashicorp.com/nomad/api-docs/nodes */
export function nodeRoutes(deps: NomadHttpDeps): Route[] {
  const { state } = deps.server.context;
  const index = (): number => newestOf(state, [nodes, nodeStates]);
  return [
    route({
      method: "GET",
      path: "/v1/nodes",
      summary: "List nodes",
      access: readNode,
      query: v.object({ prefix: queryText, resources: queryFlag, os: queryFlag }),
      tables: [nodes, nodeStates],
      filter: "items",
      pageKey: idKey,
      handle: ({ query }) => ({
        kind: "state",
        read: () => ({
          index: index(),
          value: [...state.view.table(nodes).list(GLOBAL, query.prefix)].map((row) => {
            const { Attributes, Meta, NodeResources } = row.value;
            return withUnsent(nodeStub(state, row, query), { Attributes, Meta, NodeResources });
          }),
        }),
      }),
    }),
    route({
      method: "GET",
      path: "/v1/node/:id",
      summary: "Read a node",
      access: readNode,
      tables: [nodes, nodeStates],
      handle: ({ params }) => ({
        kind: "state",
        read: () => {
          const row = state.node(params.id);
          return row === undefined
            ? { index: index(), value: undefined, missing: "node not found" }
            : { index: nodeIndex(state, row), value: nodeAnswer(state, row) };
        },
      }),
    }),
    route({
      method: "GET",
      path: "/v1/node/:id/allocations",
      summary: "List a node's allocations",
      access: { ...readNode, each: eachOf(readJob).each },
      tables: [allocs, allocReports],
      handle: ({ params }) => ({
        kind: "state",
        read: () => ({
          index: newestOf(state, [allocs, allocReports]),
          value: nodeAllocs(state, params.id),
        }),
      }),
    }),
    ...nodeWrites(deps),
  ];
}

/** Each with its job, which many of them share. */
function nodeAllocs(state: ClusterState, nodeId: string) {
  const jobs = new Map<string, unknown>();
  return new LongList([...state.view.table(allocs).by("node", nodeId)], {
    of: (row) => allocAnswer(state, state.known(row), jobs),
  });
}

const DrainBody = v.object({
  NodeID: text,
  DrainSpec: block(v.object({ Deadline: integer, IgnoreSystemJobs: flag })),
  MarkEligible: flag,
  Meta: textMap,
});

function nodeWrites({ server }: NomadHttpDeps): Route[] {
  const { nodes: endpoint, context } = server;
  const put = { method: ["PUT", "POST"], access: writeNode } as const;
  return [
    route({
      ...put,
      path: "/v1/node/:id/eligibility",
      summary: "Let a node take new allocations, or not",
      body: jsonBody(v.object({ NodeID: text, Eligibility: text })),
      handle: async ({ params, body: { Eligibility } }) => {
        if (Eligibility !== "eligible" && Eligibility !== "ineligible") {
          throw new HttpError(
            400,
            `invalid scheduling eligibility ${JSON.stringify(Eligibility)}: expected "eligible" or "ineligible"`,
          );
        }
        return written(orThrow(await endpoint.setEligibility(params.id, Eligibility)));
      },
    }),
    route({
      ...put,
      path: "/v1/node/:id/drain",
      summary: "Drain a node, or stop draining it",
      body: jsonBody(DrainBody),
      handle: async ({ params, body: { DrainSpec, MarkEligible, Meta }, access }) => {
        const nowMs = context.env.clock.nowMs();
        const strategy =
          DrainSpec === null
            ? null
            : {
                ...DrainSpec,
                StartedAt: new Date(nowMs).toISOString(),
                ForceDeadline:
                  DrainSpec.Deadline > 0 ? new Date(nowMs + DrainSpec.Deadline / 1e6).toISOString() : NEVER,
              };
        const { accessorId } = access.requester;
        const options = { markEligible: MarkEligible, meta: Meta, accessorId };
        return written(orThrow(await endpoint.setDrain(params.id, strategy, options)));
      },
    }),
    route({
      ...put,
      path: "/v1/node/:id/evaluate",
      summary: "Evaluate the jobs of a node again",
      body: jsonBody(v.unknown(), { whenEmpty: {} }),
      handle: async ({ params }) => written(orThrow(await endpoint.evaluate(params.id))),
    }),
    route({
      ...put,
      path: "/v1/node/:id/purge",
      summary: "Forget a node",
      body: jsonBody(v.unknown(), { whenEmpty: {} }),
      handle: async ({ params }) => written(orThrow(await endpoint.purge(params.id))),
    }),
  ];
}

function written({ index, evalIds }: NodeAnswer): Reply {
  const value = {
    EvalIDs: evalIds,
    EvalCreateIndex: evalIds.length === 0 ? 0 : index,
    NodeModifyIndex: index,
    Index: index,
  };
  return { kind: "json", index, value };
}
