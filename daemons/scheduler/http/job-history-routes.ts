import * as v from "valibot";
import { queryFlag, queryInteger } from "#base/http/query.ts";
import { route, type Route } from "#base/http/route.ts";
import { jobs, jobSubmissions, jobVersions } from "#base/state/tables.ts";
import { jobVersionId } from "../server/cluster-state.ts";
import { jobDiff } from "../server/job-diff.ts";
import { versionAnswer } from "./answers/job.ts";
import type { NomadHttpDeps } from "./nomad-deps.ts";
import { missingJob, namespaced, newestOf, oneNamespace, readJob } from "./requests.ts";

/** What a job was before. https://developer.hashicorp.com/nomad/api-docs/jobs#list-job-versions */
export function jobHistoryRoutes({ server }: NomadHttpDeps): Route[] {
  const { state } = server.context;
  return [
    route({
      method: "GET",
      path: "/v1/job/+id/versions",
      summary: "List a job's versions, newest first",
      access: readJob,
      query: v.object({ ...namespaced, diffs: queryFlag }),
      tables: [jobs, jobVersions],
      handle: ({ params, query }) => ({
        kind: "state",
        read: () => {
          const rows = state.jobVersions(oneNamespace(query.namespace), params.id).toReversed();
          if (rows.length === 0) return missingJob(state);
          const diffs = rows.flatMap(({ value }, at) => {
            const before = rows[at + 1]?.value;
            return before === undefined ? [] : [jobDiff(before, value)];
          });
          const Versions = rows.map((row) => versionAnswer(state, row));
          return { index: newestOf(state, [jobVersions]), value: { Versions, Diffs: query.diffs ? diffs : null } };
        },
      }),
    }),
    route({
      method: "GET",
      path: "/v1/job/+id/submission",
      summary: "Read the text a job was submitted as",
      access: readJob,
      query: v.object({ ...namespaced, version: queryInteger }),
      tables: [jobs, jobSubmissions],
      handle: ({ params, query }) => ({
        kind: "state",
        read: () => {
          const namespace = oneNamespace(query.namespace);
          const version = query.version ?? state.job(namespace, params.id)?.value.Version ?? 0;
          const row = state.view.table(jobSubmissions).get(namespace, jobVersionId(params.id, version));
          return {
            index: newestOf(state, [jobSubmissions]),
            value:
              row === undefined
                ? undefined
                : { ...row.value, JobID: params.id, Namespace: namespace, Version: version },
            missing: "job source not found",
          };
        },
      }),
    }),
  ];
}
