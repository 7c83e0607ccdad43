import * as v from "valibot";
import { jsonBody } from "#base/http/body.ts";
import { queryFlag } from "#base/http/query.ts";
import { route, type StateAnswer, type Route } from "#base/http/route.ts";
import type { Job } from "#base/protocol/job.ts";
import { flag, text } from "#base/protocol/schema.ts";
import type { Row } from "#base/state/table.ts";
import { allocReports, allocs, deployments, evals, jobs } from "#base/state/tables.ts";
import { jobStatusAnswer } from "./answers/job-status.ts";
import type { NomadHttpDeps } from "./nomad-deps.ts";
import { listed, namespaceFilter, newestOf, readJob, eachOf } from "./requests.ts";

const TABLES = [jobs, allocs, allocReports, evals, deployments];
const StatusesBody = v.object({
  Jobs: v.nullish(v.array(v.object({ id: text, namespace: text })), () => []),
  IncludeChildren: flag,
});

/** What a page of jobs shows of each, in one answer: jobs with their allocations and newest deployment. */
export function jobStatusesRoutes({ server }: NomadHttpDeps): Route[] {
  const { state } = server.context;
  const table = state.view.table(jobs);
  const answer = (rows: readonly Row<Job>[]): StateAnswer => ({
    index: newestOf(state, TABLES),
    value: rows
      .map((row) => jobStatusAnswer(state, row))
      .toSorted((a, b) => (modifiedKey(a) < modifiedKey(b) ? -1 : 1)),
  });
  const common = {
    path: "/v1/jobs/statuses",
    access: eachOf(readJob),
    tables: TABLES,
    filter: "items",
    pageKey: modifiedKey,
  } as const;
  return [
    route({
      ...common,
      method: "GET",
      summary: "List jobs with their allocations, last changed last",
      query: v.object({ ...listed, include_children: queryFlag }),
      handle: ({ query }) => ({
        kind: "state",
        read: () => {
          const rows = [...table.list(namespaceFilter(query.namespace), query.prefix)];
          return answer(rows.filter(({ value }) => query.include_children || value.ParentID === ""));
        },
      }),
    }),
    route({
      ...common,
      method: ["PUT", "POST"],
      summary: "Read some jobs with their allocations",
      query: v.object(listed),
      body: jsonBody(StatusesBody, { whenEmpty: {} }),
      handle: ({ query, body }) => ({
        kind: "state",
        read: () => {
          const wanted = new Set(
            body.Jobs.map(({ id, namespace }) => `${namespace === "" ? "default" : namespace}/${id}`),
          );
          const isWanted = ({ namespace, id, value }: Row<Job>): boolean =>
            wanted.size === 0
              ? body.IncludeChildren || value.ParentID === ""
              : wanted.has(`${namespace}/${id}`) ||
                (body.IncludeChildren && wanted.has(`${namespace}/${value.ParentID}`));
          const rows = [...table.list(wanted.size === 0 ? namespaceFilter(query.namespace) : undefined, query.prefix)];
          return answer(rows.filter(isWanted));
        },
      }),
    }),
  ];
}

function modifiedKey(item: unknown): string {
  const shape = v.object({ ModifyIndex: v.number(), Namespace: v.string(), ID: v.string() });
  const { ModifyIndex, Namespace, ID } = v.parse(shape, item);
  return `${String(ModifyIndex).padStart(16, "0")}!${Namespace}!${ID}`;
}
