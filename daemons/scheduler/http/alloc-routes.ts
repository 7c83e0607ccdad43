import * as v from "valibot";
import { jsonBody } from "#base/http/body.ts";
import { queryFlag } from "#base/http/query.ts";
import { route, type Route } from "#base/http/route.ts";
import { allocReports, allocs, jobs, jobVersions } from "#base/state/tables.ts";
import { stopAlloc } from "../server/alloc-endpoint.ts";
import { allocAnswer, allocStub } from "./answers/alloc.ts";
import type { NomadHttpDeps } from "./nomad-deps.ts";
import {
  allocLifecycle,
  rowsByCreation,
  creationKey,
  listed,
  namespaceFilter,
  orThrow,
  readJob,
  newestOf,
  eachOf,
  within,
} from "./requests.ts";

/** https://developer.hashicorp.com/nomad/api-docs/allocations */
export function allocRoutes({ server }: NomadHttpDeps): Route[] {
  const { context } = server;
  const { state } = context;
  return [
    route({
      method: "GET",
      path: "/v1/allocations",
      summary: "List allocations",
      access: eachOf(readJob),
      query: v.object({ ...listed, resources: queryFlag, task_states: v.optional(v.string(), "true") }),
      tables: [allocs, allocReports],
      filter: "items",
      pageKey: creationKey,
      handle: ({ query }) => ({
        kind: "state",
        read: () => {
          const rows = state.view.table(allocs).list(namespaceFilter(query.namespace), query.prefix);
          const options = { resources: query.resources, taskStates: query.task_states !== "false" };
          return {
            index: newestOf(state, [allocs, allocReports]),
            value: rowsByCreation(rows, (row) => allocStub(state, state.known(row), options)),
          };
        },
      }),
    }),
    route({
      method: "GET",
      path: "/v1/allocation/:id",
      summary: "Read an allocation",
      access: within(readJob, (id) => state.allocById(id)),
      tables: [allocs, allocReports, jobs, jobVersions],
      handle: ({ params }) => ({
        kind: "state",
        read: () => {
          const row = state.allocById(params.id);
          if (row === undefined) {
            return { index: state.view.table(allocs).lastIndex, value: undefined, missing: "alloc not found" };
          }
          const known = state.known(row);
          return { index: known.modifyIndex, value: allocAnswer(state, known) };
        },
      }),
    }),
    route({
      method: ["PUT", "POST"],
      path: "/v1/allocation/:id/stop",
      summary: "Stop an allocation and place it anew",
      access: within(allocLifecycle, (id) => state.allocById(id)),
      query: v.object({ no_shutdown_delay: queryFlag }),
      body: jsonBody(v.unknown(), { whenEmpty: {} }),
      handle: async ({ params, query }) => {
        const stopped = await stopAlloc(context, params.id, { noShutdownDelay: query.no_shutdown_delay });
        const { evalId, index } = orThrow(stopped);
        return { kind: "json", index, value: { EvalID: evalId, EvalCreateIndex: index, Index: index } };
      },
    }),
  ];
}
