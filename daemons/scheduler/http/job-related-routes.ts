import * as v from "valibot";
import { queryFlag } from "#base/http/query.ts";
import { route, type Route } from "#base/http/route.ts";
import type { Table } from "#base/state/table.ts";
import { allocReports, allocs, deployments, evals } from "#base/state/tables.ts";
import { allocStub } from "./answers/alloc.ts";
import { deploymentAnswer } from "./answers/deployment.ts";
import { evalAnswer } from "./answers/evaluation.ts";
import type { NomadHttpDeps } from "./nomad-deps.ts";
import { byCreation, namespaced, rowsByCreation, newestOf, oneNamespace, readJob } from "./requests.ts";

/** What belongs to a job. https://developer.hashicorp.com/nomad/api-docs/jobs#list-job-allocations */
export function jobRelatedRoutes(deps: NomadHttpDeps): Route[] {
  const { state } = deps.server.context;
  return [
    relatedRoute(deps, {
      path: "/v1/job/+id/allocations",
      summary: "List a job's allocations",
      tables: [allocs, allocReports],
      read: (namespace, id) =>
        rowsByCreation(state.jobAllocRows(namespace, id), (row) => allocStub(state, state.known(row))),
    }),
    relatedRoute(deps, {
      path: "/v1/job/+id/evaluations",
      summary: "List a job's evaluations, newest first",
      tables: [evals],
      read: (namespace, id) => byCreation(state.jobEvals(namespace, id).map(evalAnswer)).toReversed(),
    }),
    relatedRoute(deps, {
      path: "/v1/job/+id/deployments",
      summary: "List a job's deployments, newest first",
      tables: [deployments, allocs, allocReports],
      read: (namespace, id) => state.jobDeployments(namespace, id).map((row) => deploymentAnswer(state, row)),
    }),
    route({
      method: "GET",
      path: "/v1/job/+id/deployment",
      summary: "Read a job's newest deployment",
      access: readJob,
      query: v.object(namespaced),
      tables: [deployments, allocs, allocReports],
      handle: ({ params, query }) => ({
        kind: "state",
        read: () => {
          const [row] = state.jobDeployments(oneNamespace(query.namespace), params.id);
          const value = row === undefined ? null : deploymentAnswer(state, row);
          return { index: value?.ModifyIndex ?? newestOf(state, [deployments]), value };
        },
      }),
    }),
  ];
}

interface RelatedRoute {
  readonly path: "/v1/job/+id/allocations" | "/v1/job/+id/evaluations" | "/v1/job/+id/deployments";
  readonly summary: string;
  readonly tables: readonly Table<unknown>[];
  readonly read: (namespace: string, id: string) => unknown;
}

function relatedRoute({ server }: NomadHttpDeps, { path, summary, tables, read }: RelatedRoute): Route {
  const { state } = server.context;
  return route({
    method: "GET",
    path,
    summary,
    access: readJob,
    query: v.object({ ...namespaced, all: queryFlag }),
    tables,
    filter: "items",
    handle: ({ params, query }) => ({
      kind: "state",
      read: () => ({ index: newestOf(state, tables), value: read(oneNamespace(query.namespace), params.id) }),
    }),
  });
}
