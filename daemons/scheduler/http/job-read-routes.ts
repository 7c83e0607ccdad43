import * as v from "valibot";
import { HttpError } from "#base/http/http-error.ts";
import { queryFlag, queryInteger } from "#base/http/query.ts";
import { route, type Reply, type Route } from "#base/http/route.ts";
import type { Job } from "#base/protocol/job.ts";
import type { Row } from "#base/state/table.ts";
import { allocReports, allocs, deployments, evals, jobs, jobSubmissions, jobVersions } from "#base/state/tables.ts";
import { jobVersionId } from "../server/cluster-state.ts";
import { isHealthy } from "../server/deploy/assess.ts";
import { clientStatus } from "../server/alloc-state.ts";
import { standingOf } from "../server/job-status.ts";
import { jobDiff } from "../server/job-diff.ts";
import { allocStub } from "./answers/alloc.ts";
import { deploymentAnswer } from "./answers/deployment.ts";
import { evalAnswer } from "./answers/evaluation.ts";
import { jobAnswer, jobStub, summaryAnswer, versionAnswer } from "./answers/job.ts";
import type { NomadHttpDeps } from "./nomad-deps.ts";
import {
  byCreation,
  jobListKey,
  listed,
  listJobs,
  namespaced,
  namespaceFilter,
  oneNamespace,
  readJob,
} from "./requests.ts";

const JOB_TABLES = [jobs, jobVersions, allocs, allocReports, evals];
const NOT_FOUND = "job not found";

/** https://developer.hashicorp.com/nomad/api-docs/jobs */
export function jobReadRoutes({ server }: NomadHttpDeps): Route[] {
  const { state } = server.context;
  return [
    route({
      method: "GET",
      path: "/v1/jobs",
      summary: "List jobs",
      access: listJobs,
      query: v.object({ ...listed, meta: queryFlag }),
      tables: JOB_TABLES,
      filter: "items",
      pageKey: jobListKey,
      handle: ({ query }) => ({
        kind: "state",
        read: () => ({
          index: newest([
            state.view.table(jobs),
            state.view.table(allocs),
            state.view.table(allocReports),
            state.view.table(evals),
          ]),
          value: [...state.view.table(jobs).list(namespaceFilter(query.namespace), query.prefix)].map((row) =>
            jobStub(state, row, query.meta),
          ),
        }),
      }),
    }),
    jobRoute("", "Read a job", (row) => ({ index: standingOf(state, row).modifyIndex, value: jobAnswer(state, row) })),
    jobRoute("/summary", "Read a job's summary", (row) => {
      const standing = standingOf(state, row);
      return { index: standing.modifyIndex, value: summaryAnswer(row, standing) };
    }),
    jobRoute("/scale", "Read a job's scale status", (row) => ({
      index: standingOf(state, row).modifyIndex,
      value: scaleAnswer(row),
    })),
    ...versionRoutes(),
    ...relatedRoutes(),
  ];

  function jobRoute(
    rest: "" | "/summary" | "/scale",
    summary: string,
    read: (row: Row<Job>) => { index: number; value: unknown },
  ): Route {
    return route({
      method: "GET",
      path: `/v1/job/+id${rest}`,
      summary,
      access: readJob,
      query: v.object(namespaced),
      tables: JOB_TABLES,
      handle: ({ params, query }): Reply => ({
        kind: "state",
        read: () => {
          const row = state.job(oneNamespace(query.namespace), params.id);
          return row === undefined ? missing() : read(row);
        },
      }),
    });
  }

  function missing() {
    return { index: state.view.table(jobs).lastIndex, value: undefined, missing: NOT_FOUND };
  }

  function versionRoutes(): Route[] {
    return [
      route({
        method: "GET",
        path: "/v1/job/+id/versions",
        summary: "List a job's versions, newest first",
        access: readJob,
        query: v.object({ ...namespaced, diffs: queryFlag, diff_version: queryInteger }),
        tables: [jobs, jobVersions],
        handle: ({ params, query }) => ({
          kind: "state",
          read: () => {
            const rows = state.jobVersions(oneNamespace(query.namespace), params.id).toReversed();
            if (rows.length === 0) return missing();
            const diffs = rows.flatMap(({ value }, at) => {
              const before = rows[at + 1]?.value;
              return before === undefined ? [] : [jobDiff(before, value)];
            });
            return {
              index: newest([state.view.table(jobVersions)]),
              value: { Versions: rows.map((row) => versionAnswer(state, row)), Diffs: query.diffs ? diffs : null },
            };
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
            const index = newest([state.view.table(jobSubmissions)]);
            return { index, value: row?.value, missing: "job source not found" };
          },
        }),
      }),
    ];
  }

  function relatedRoutes(): Route[] {
    return [
      related("allocations", "List a job's allocations", [allocs, allocReports], (namespace, id) =>
        byCreation(state.jobAllocs(namespace, id).map((known) => allocStub(state, known))),
      ),
      related("evaluations", "List a job's evaluations", [evals], (namespace, id) =>
        byCreation(state.jobEvals(namespace, id).map(evalAnswer)).toReversed(),
      ),
      related("deployments", "List a job's deployments", [deployments, allocs, allocReports], (namespace, id) =>
        state.jobDeployments(namespace, id).map((row) => deploymentAnswer(state, row)),
      ),
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
            return { index: value?.ModifyIndex ?? state.view.table(deployments).lastIndex, value };
          },
        }),
      }),
    ];
  }

  function related(
    what: "allocations" | "evaluations" | "deployments",
    summary: string,
    tables: readonly (typeof allocs | typeof allocReports | typeof evals | typeof deployments)[],
    read: (namespace: string, id: string) => readonly unknown[],
  ): Route {
    return route({
      method: "GET",
      path: `/v1/job/+id/${what}`,
      summary,
      access: readJob,
      query: v.object({ ...namespaced, all: queryFlag }),
      tables,
      filter: "items",
      handle: ({ params, query }) => ({
        kind: "state",
        read: () => ({
          index: newest(tables.map((table) => state.view.table<unknown>(table))),
          value: read(oneNamespace(query.namespace), params.id),
        }),
      }),
    });
  }

  /** https://developer.hashicorp.com/nomad/api-docs/jobs#read-job-scale-status */
  function scaleAnswer(row: Row<Job>) {
    const known = state.jobAllocs(row.namespace, row.id).filter(({ alloc }) => alloc.DesiredStatus === "run");
    const groups = row.value.TaskGroups.map((group) => {
      const own = known.filter(({ alloc }) => alloc.TaskGroup === group.Name);
      const counts = {
        Desired: group.Count ?? 1,
        Placed: own.length,
        Running: own.filter((each) => clientStatus(each) === "running").length,
        Healthy: own.filter(isHealthy).length,
        Unhealthy: own.filter(({ report }) => report?.DeploymentStatus?.Healthy === false).length,
        Events: null,
      };
      return [group.Name, counts];
    });
    const TaskGroups: unknown = Object.fromEntries(groups);
    return {
      JobID: row.id,
      Namespace: row.namespace,
      JobCreateIndex: row.createIndex,
      JobModifyIndex: row.modifyIndex,
      JobStopped: row.value.Stop,
      TaskGroups,
    };
  }
}

export function newest(tables: readonly { readonly lastIndex: number }[]): number {
  return tables.reduce((most, { lastIndex }) => Math.max(most, lastIndex), 1);
}

/** The stored job, or the 404 its users know. */
export function requireJob({ server }: NomadHttpDeps, namespace: string, id: string): Row<Job> {
  const row = server.context.state.job(oneNamespace(namespace), id);
  if (row === undefined) throw new HttpError(404, NOT_FOUND);
  return row;
}
