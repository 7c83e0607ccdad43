import * as v from "valibot";
import { jsonBody } from "#base/http/body.ts";
import { route, type Reply, type Route } from "#base/http/route.ts";
import { flag, text, texts } from "#base/protocol/schema.ts";
import { allocReports, allocs, deployments } from "#base/state/tables.ts";
import type { DeploymentAnswer } from "../server/deploy/deployment-endpoint.ts";
import { allocStub } from "./answers/alloc.ts";
import { deploymentAnswer } from "./answers/deployment.ts";
import type { NomadHttpDeps } from "./nomad-deps.ts";
import {
  byCreation,
  rowsByCreation,
  creationKey,
  listed,
  namespaceFilter,
  orThrow,
  readJob,
  partOfSubmitting,
  newestOf,
  eachOf,
  within,
} from "./requests.ts";

const TABLES = [deployments, allocs, allocReports];

/** https://developer.hashicorp.com/nomad/api-docs/deployments */
export function deploymentRoutes(deps: NomadHttpDeps): Route[] {
  const { state } = deps.server.context;
  const index = (): number => newestOf(state, TABLES);
  return [
    route({
      method: "GET",
      path: "/v1/deployments",
      summary: "List deployments",
      access: eachOf(readJob),
      query: v.object(listed),
      tables: TABLES,
      filter: "items",
      pageKey: creationKey,
      handle: ({ query }) => ({
        kind: "state",
        read: () => {
          const rows = state.view.table(deployments).list(namespaceFilter(query.namespace), query.prefix);
          return { index: index(), value: byCreation([...rows].map((row) => deploymentAnswer(state, row))) };
        },
      }),
    }),
    route({
      method: "GET",
      path: "/v1/deployment/:id",
      summary: "Read a deployment",
      access: within(readJob, (id) => state.deploymentById(id)),
      tables: TABLES,
      handle: ({ params }) => ({
        kind: "state",
        read: () => {
          const row = state.deploymentById(params.id);
          if (row === undefined) return { index: index(), value: undefined, missing: "deployment not found" };
          const value = deploymentAnswer(state, row);
          return { index: value.ModifyIndex, value };
        },
      }),
    }),
    route({
      method: "GET",
      path: "/v1/deployment/allocations/:id",
      summary: "List a deployment's allocations",
      access: within(readJob, (id) => state.deploymentById(id)),
      tables: TABLES,
      handle: ({ params }) => ({
        kind: "state",
        read: () => ({
          index: index(),
          value: rowsByCreation(state.view.table(allocs).by("deployment", params.id), (row) =>
            allocStub(state, state.known(row)),
          ),
        }),
      }),
    }),
    ...deploymentWrites(deps),
    ...healthRoutes(deps),
  ];
}

const named = { DeploymentID: text };

function deploymentWrites({ server }: NomadHttpDeps): Route[] {
  const { deployments: endpoint } = server;
  const put = { method: ["PUT", "POST"] } as const;
  const may = accessOf(server);
  return [
    route({
      ...put,
      path: "/v1/deployment/fail/:id",
      access: may("fail-deployment"),
      summary: "Fail a deployment",
      body: jsonBody(v.object(named), { whenEmpty: {} }),
      handle: async ({ params }) => written(orThrow(await endpoint.failByUser(params.id))),
    }),
    route({
      ...put,
      path: "/v1/deployment/pause/:id",
      access: may("pause-deployment"),
      summary: "Pause or resume a deployment",
      body: jsonBody(v.object({ ...named, Pause: flag })),
      handle: async ({ params, body }) => written(orThrow(await endpoint.pause(params.id, body.Pause))),
    }),
    route({
      ...put,
      path: "/v1/deployment/promote/:id",
      access: may("promote-deployment"),
      summary: "Promote a deployment's canaries",
      body: jsonBody(v.object({ ...named, All: flag, Groups: texts })),
      handle: async ({ params, body }) =>
        written(
          orThrow(await endpoint.promote(params.id, body.All || body.Groups.length === 0 ? undefined : body.Groups)),
        ),
    }),
  ];
}

const HealthBody = v.object({ ...named, HealthyAllocationIDs: texts, UnhealthyAllocationIDs: texts });

function healthRoutes({ server }: NomadHttpDeps): Route[] {
  const { deployments: endpoint } = server;
  const put = { method: ["PUT", "POST"] } as const;
  const may = accessOf(server);
  return [
    route({
      ...put,
      path: "/v1/deployment/allocation-health/:id",
      access: may("set-alloc-health-deployment"),
      summary: "Say which allocations of a deployment are healthy",
      body: jsonBody(HealthBody),
      handle: async ({ params, body }) => {
        const health = { healthy: body.HealthyAllocationIDs, unhealthy: body.UnhealthyAllocationIDs };
        return written(orThrow(await endpoint.setHealth(params.id, health)));
      },
    }),
    route({
      ...put,
      path: "/v1/deployment/unblock/:id",
      access: may("unblock-deployment"),
      summary: "Let a deployment that waits for another region go on",
      body: jsonBody(v.object(named), { whenEmpty: {} }),
      handle: ({ params }) => written(orThrow(endpoint.unblock(params.id))),
    }),
  ];
}

function accessOf({ context: { state } }: NomadHttpDeps["server"]) {
  return (capability: string) => within(partOfSubmitting(capability), (id) => state.deploymentById(id));
}

function written({ evalId, index, revertedTo }: DeploymentAnswer): Reply {
  const value = {
    EvalID: evalId,
    EvalCreateIndex: evalId === "" ? 0 : index,
    DeploymentModifyIndex: index,
    RevertedJobVersion: revertedTo ?? null,
    Index: index,
  };
  return { kind: "json", index, value };
}
