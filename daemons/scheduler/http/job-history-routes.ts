import * as v from "valibot";
import { HttpError } from "#base/http/http-error.ts";
import { queryFlag, queryInteger, queryText } from "#base/http/query.ts";
import { route, type Route } from "#base/http/route.ts";
import type { Job } from "#base/protocol/job.ts";
import type { Row } from "#base/state/table.ts";
import { jobs, jobSubmissions, jobVersions } from "#base/state/tables.ts";
import { jobVersionId } from "../server/cluster-state.ts";
import { jobDiff, type JobDiff } from "../server/job-diff.ts";
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
      query: v.object({ ...namespaced, diffs: queryFlag, diff_version: queryInteger, diff_tag: queryText }),
      tables: [jobs, jobVersions],
      handle: ({ params, query }) => ({
        kind: "state",
        read: () => {
          const job = state.job(oneNamespace(query.namespace), params.id);
          if (job === undefined) return missingJob(state);
          const rows = state.currentVersions(job).toReversed();
          const index = newestOf(state, [jobVersions]);
          const Versions = rows.map((row) => versionAnswer(state, row));
          const Diffs = query.diffs ? versionDiffs(rows, query) : null;
          return { index, value: { Versions, Diffs, Index: index, LastContact: 0, KnownLeader: true } };
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
          const job = state.job(namespace, params.id);
          if (job === undefined) return missingJob(state);
          const version = query.version ?? job.value.Version;
          const found = state.view.table(jobSubmissions).get(namespace, jobVersionId(params.id, version));
          const row = found !== undefined && found.createIndex >= job.createIndex ? found : undefined;
          return {
            index: newestOf(state, [jobSubmissions]),
            value:
              row === undefined
                ? undefined
                : {
                    ...row.value,
                    JobID: params.id,
                    Namespace: namespace,
                    Version: version,
                    JobIndex: row.modifyIndex,
                  },
            missing: "job source not found",
          };
        },
      }),
    }),
  ];
}

/** Each version against the one before it, or against one that was asked for. */
function versionDiffs(
  rows: readonly Row<Job>[],
  asked: { readonly diff_version?: number | undefined; readonly diff_tag: string },
): readonly JobDiff[] {
  const { diff_version: version, diff_tag: tag } = asked;
  if (version === undefined && tag === "") {
    return rows.flatMap(({ value }, at) => {
      const before = rows[at + 1]?.value;
      return before === undefined ? [] : [jobDiff(before, value)];
    });
  }
  if (version !== undefined && tag !== "") throw new HttpError(400, "give diff_version or diff_tag, not both");
  const base = rows.find(({ value }) => (tag === "" ? value.Version === version : value.VersionTag?.Name === tag));
  if (base === undefined)
    throw new HttpError(404, tag === "" ? `version ${version} not found` : `tag "${tag}" not found`);
  return rows.filter((row) => row !== base).map(({ value }) => jobDiff(base.value, value));
}
