import * as v from "valibot";
import { healthOf } from "../server/health.ts";
import type { CapabilityRule } from "#base/http/access.ts";
import { LongList } from "#base/http/long-list.ts";
import { queryFlag } from "#base/http/query.ts";
import { route, type Route } from "#base/http/route.ts";
import type { Job } from "#base/protocol/job.ts";
import type { Row } from "#base/state/table.ts";
import { allocReports, allocs, evals, jobs, jobScalings, jobVersions } from "#base/state/tables.ts";
import { clientStatus } from "../server/alloc-state.ts";
import type { ClusterState } from "../server/cluster-state.ts";
import { scalingEventsOf } from "../server/scaling/scaling-events.ts";
import { isHealthy } from "../server/deploy/assess.ts";
import { standingOf } from "../server/job-status.ts";
import { jobAnswer, jobStub, summaryAnswer } from "./answers/job.ts";
import type { NomadHttpDeps } from "./nomad-deps.ts";
import {
  jobListKey,
  listed,
  listJobs,
  missingJob,
  namespaced,
  namespaceFilter,
  newestOf,
  oneNamespace,
  readJob,
  eachOf,
  readScale,
  withUnsent,
} from "./requests.ts";

const JOB_TABLES = [jobs, jobVersions, allocs, allocReports, evals];

/** https://developer.hashicorp.com/nomad/api-docs/jobs */
export function jobReadRoutes(deps: NomadHttpDeps): Route[] {
  const { state } = deps.server.context;
  return [
    route({
      method: "GET",
      path: "/v1/jobs",
      summary: "List jobs",
      access: eachOf(listJobs),
      query: v.object({ ...listed, meta: queryFlag }),
      tables: JOB_TABLES,
      filter: "items",
      pageKey: jobListKey,
      handle: ({ query, rawQuery }) => {
        const line = (row: Row<Job>) => jobStub(state, row, query.meta);
        const filtered = (row: Row<Job>) => withUnsent(line(row), { Meta: row.value.Meta });
        return {
          kind: "state",
          read: () => ({
            index: newestOf(state, JOB_TABLES),
            value: new LongList([...state.view.table(jobs).list(namespaceFilter(query.namespace), query.prefix)], {
              of: rawQuery.has("filter") ? filtered : line,
            }),
          }),
        };
      },
    }),
    jobRoute(deps, { path: "/v1/job/+id", summary: "Read a job", answer: (row) => jobAnswer(state, row) }),
    jobRoute(deps, {
      path: "/v1/job/+id/summary",
      summary: "Read a job's summary",
      answer: (row) => summaryAnswer(state, row, standingOf(state, row)),
    }),
    jobRoute(deps, {
      path: "/v1/job/+id/scale",
      access: readScale,
      summary: "Read a job's scale status",
      answer: (row) => scaleAnswer(state, row),
    }),
  ];
}

interface JobRoute {
  readonly path: "/v1/job/+id" | "/v1/job/+id/summary" | "/v1/job/+id/scale";
  readonly summary: string;
  /** Default: `read-job`. */
  readonly access?: CapabilityRule;
  readonly answer: (row: Row<Job>) => unknown;
}

function jobRoute({ server }: NomadHttpDeps, { path, summary, answer, access = readJob }: JobRoute): Route {
  const { state } = server.context;
  return route({
    method: "GET",
    path,
    summary,
    access,
    query: v.object(namespaced),
    tables: JOB_TABLES,
    handle: ({ params, query }) => ({
      kind: "state",
      read: () => {
        const row = state.job(oneNamespace(query.namespace), params.id);
        if (row === undefined) return missingJob(state);
        return { index: standingOf(state, row).modifyIndex, value: answer(row) };
      },
    }),
  });
}

/** https://developer.hashicorp.com/nomad/api-docs/jobs#read-job-scale-status */
function scaleAnswer(state: ClusterState, row: Row<Job>) {
  const known = state.jobAllocs(row.namespace, row.id).filter(({ alloc }) => alloc.DesiredStatus === "run");
  const groups = row.value.TaskGroups.map((group) => {
    const own = known.filter(({ alloc }) => alloc.TaskGroup === group.Name);
    const counts = {
      Desired: group.Count ?? 1,
      Placed: own.length,
      Running: own.filter((each) => clientStatus(each) === "running").length,
      Healthy: own.filter(isHealthy).length,
      Unhealthy: own.filter((known) => healthOf(known).Healthy === false).length,
      Events: eventsOf(state, row, group.Name),
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

function eventsOf({ view }: ClusterState, row: Row<Job>, group: string) {
  const CreateIndex = view.table(jobScalings).get(row.namespace, row.id)?.modifyIndex ?? 0;
  const events = scalingEventsOf(view, row, group).map((event) => ({
    ...event,
    EvalID: event.EvalID === "" ? null : event.EvalID,
    CreateIndex,
  }));
  return events.length === 0 ? null : events;
}
