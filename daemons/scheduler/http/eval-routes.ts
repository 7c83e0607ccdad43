import * as v from "valibot";
import { jsonBody } from "#base/http/body.ts";
import { HttpError } from "#base/http/http-error.ts";
import { queryFlag, queryText } from "#base/http/query.ts";
import { route, type Route } from "#base/http/route.ts";
import { compileFilter } from "#base/language/filter/compile.ts";
import type { Evaluation } from "#base/protocol/evaluation.ts";
import { text, texts } from "#base/protocol/schema.ts";
import type { Row } from "#base/state/table.ts";
import { allocReports, allocs, evals } from "#base/state/tables.ts";
import { allocStub } from "./answers/alloc.ts";
import { deleteEvals, MAX_DELETED_EVALS, relatedEvals } from "../server/eval-endpoint.ts";
import { evalAnswer, evalStub } from "./answers/evaluation.ts";
import type { NomadHttpDeps } from "./nomad-deps.ts";
import {
  rowsByCreation,
  creationKey,
  listed,
  namespaced,
  management,
  namespaceFilter,
  newestOf,
  orThrow,
  readJob,
  eachOf,
  whereAllowed,
  within,
} from "./requests.ts";

/** https://developer.hashicorp.com/nomad/api-docs/evaluations */
export function evalRoutes(deps: NomadHttpDeps): Route[] {
  const { state } = deps.server.context;
  const table = state.view.table(evals);
  return [
    route({
      method: "GET",
      path: "/v1/evaluations",
      summary: "List evaluations",
      access: eachOf(readJob),
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
          return { index: table.lastIndex, value: rowsByCreation(rows, evalAnswer) };
        },
      }),
    }),
    countRoute(deps),
    deleteRoute(deps),
    ...evalRoutesById(deps),
  ];
}

function countRoute({ server }: NomadHttpDeps): Route {
  const table = server.context.state.view.table(evals);
  return route({
    method: "GET",
    path: "/v1/evaluations/count",
    summary: "Count evaluations",
    access: whereAllowed(readJob),
    query: v.object({ ...listed, filter: queryText }),
    tables: [evals],
    handle: ({ query, access }) => ({
      kind: "state",
      read: () => {
        const rows = [...table.list(namespaceFilter(query.namespace), query.prefix)].filter(
          ({ namespace }) => access.isManagement || access.allows("namespace", readJob.capability, namespace),
        );
        const Index = table.lastIndex;
        const Count = matching(rows, query.filter).length;
        return { index: Index, value: { Count, Index, KnownLeader: true, LastContact: 0, NextToken: "" } };
      },
    }),
  });
}

function deleteRoute({ server }: NomadHttpDeps): Route {
  const { state } = server.context;
  return route({
    method: "DELETE",
    path: "/v1/evaluations",
    summary: "Delete evaluations by id or filter, while the broker is paused",
    access: management,
    query: v.object({ ...namespaced, filter: queryText }),
    body: jsonBody(v.object({ EvalIDs: texts, Filter: text }), { whenEmpty: {} }),
    handle: async ({ query, body }) => {
      const filter = body.Filter === "" ? query.filter : body.Filter;
      if (body.EvalIDs.length > 0 === (filter !== "")) {
        throw new HttpError(400, "evals must be deleted by either ID or filter: give one of EvalIDs and filter");
      }
      if (body.EvalIDs.length > MAX_DELETED_EVALS) {
        const { length } = body.EvalIDs;
        throw new HttpError(400, `request includes ${length} evaluation IDs, must be ${MAX_DELETED_EVALS} or fewer`);
      }
      const all = (): Row<Evaluation>[] => [...state.view.table(evals).list(namespaceFilter(query.namespace))];
      const byId = body.EvalIDs.map((id) => {
        const row = state.evaluationById(id);
        if (row === undefined) throw new HttpError(404, `eval not found: ${id}`);
        return row;
      });
      const rows = filter === "" ? byId : matching(all(), filter);
      const { count, index } = orThrow(await deleteEvals(server.context, rows));
      return { kind: "json", index, value: { Count: count, Index: index } };
    },
  });
}

/** The filter applies to evaluations as they are answered. */
function matching(rows: readonly Row<Evaluation>[], filter: string): readonly Row<Evaluation>[] {
  if (filter === "") return rows;
  const compiled = compileFilter(filter);
  if (!compiled.ok) throw new HttpError(400, `failed to read filter expression: ${compiled.error.message}`);
  return rows.filter((row) => compiled.value(evalAnswer(row)));
}

function evalRoutesById({ server }: NomadHttpDeps): Route[] {
  const { state } = server.context;
  return [
    route({
      method: "GET",
      path: "/v1/evaluation/:id",
      summary: "Read an evaluation",
      access: within(readJob, (id) => state.evaluationById(id)),
      query: v.object({ related: queryFlag }),
      tables: [evals],
      handle: ({ params, query }) => ({
        kind: "state",
        read: () => {
          const row = state.evaluationById(params.id);
          if (row === undefined)
            return { index: newestOf(state, [evals]), value: undefined, missing: "eval not found" };
          const related = query.related ? { RelatedEvals: relatedEvals(state, row).map(evalStub) } : {};
          return { index: row.modifyIndex, value: { ...evalAnswer(row), ...related } };
        },
      }),
    }),
    route({
      method: "GET",
      path: "/v1/evaluation/:id/allocations",
      summary: "List the allocations an evaluation made",
      access: within(readJob, (id) => state.evaluationById(id)),
      tables: [allocs, allocReports],
      handle: ({ params }) => ({
        kind: "state",
        read: () => {
          const made = state.view.table(allocs).by("eval", params.id);
          return {
            index: newestOf(state, [allocs, allocReports]),
            value: rowsByCreation(made, (row) => allocStub(state, state.known(row))),
          };
        },
      }),
    }),
  ];
}
