import * as v from "valibot";
import { queryText } from "#base/http/query.ts";
import { route, type Route } from "#base/http/route.ts";
import { allocReports, allocs, evals } from "#base/state/tables.ts";
import { allocStub } from "./answers/alloc.ts";
import { evalAnswer } from "./answers/evaluation.ts";
import type { NomadHttpDeps } from "./nomad-deps.ts";
import { byCreation, creationKey, listed, namespaced, namespaceFilter, readJob, newestOf } from "./requests.ts";

/** https://developer.hashicorp.com/nomad/api-docs/evaluations */
export function evalRoutes(deps: NomadHttpDeps): Route[] {
  const { state } = deps.server.context;
  const table = state.view.table(evals);
  return [
    route({
      method: "GET",
      path: "/v1/evaluations",
      summary: "List evaluations",
      access: readJob,
      query: v.object({ ...listed, status: queryText, job: queryText }),
      tables: [evals],
      filter: "items",
      pageKey: creationKey,
      handle: ({ query }) => ({
        kind: "state",
        read: () => {
          const rows = [...table.list(namespaceFilter(query.namespace), query.prefix)].filter(
            ({ value }) =>
              (query.status === "" || value.Status === query.status) && (query.job === "" || value.JobID === query.job),
          );
          return { index: table.lastIndex, value: byCreation(rows.map(evalAnswer)) };
        },
      }),
    }),
    route({
      method: "GET",
      path: "/v1/evaluations/count",
      summary: "Count evaluations",
      access: readJob,
      query: v.object(namespaced),
      tables: [evals],
      handle: ({ query }) => ({
        kind: "state",
        read: () => ({
          index: table.lastIndex,
          value: { Count: [...table.list(namespaceFilter(query.namespace))].length },
        }),
      }),
    }),
    ...evalRoutesById(deps),
  ];
}

function evalRoutesById({ server }: NomadHttpDeps): Route[] {
  const { state } = server.context;
  return [
    route({
      method: "GET",
      path: "/v1/evaluation/:id",
      summary: "Read an evaluation",
      access: readJob,
      tables: [evals],
      handle: ({ params }) => ({
        kind: "state",
        read: () => {
          const row = state.evaluationById(params.id);
          return row === undefined
            ? { index: newestOf(state, [evals]), value: undefined, missing: "eval not found" }
            : { index: row.modifyIndex, value: evalAnswer(row) };
        },
      }),
    }),
    route({
      method: "GET",
      path: "/v1/evaluation/:id/allocations",
      summary: "List the allocations an evaluation made",
      access: readJob,
      tables: [allocs, allocReports],
      handle: ({ params }) => ({
        kind: "state",
        read: () => {
          const made = [...state.view.table(allocs).by("eval", params.id)];
          return {
            index: newestOf(state, [allocs, allocReports]),
            value: byCreation(made.map((row) => allocStub(state, state.known(row)))),
          };
        },
      }),
    }),
  ];
}
