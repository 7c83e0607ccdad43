import { isTerminalClientStatus, type AllocClientStatus } from "#base/protocol/alloc.ts";
import { allocReports, allocs } from "#base/state/tables.ts";
import { clientStatus } from "./alloc-state.ts";
import type { ClusterState } from "./cluster-state.ts";
import type { Job } from "#base/protocol/job.ts";
import type { Row } from "#base/state/table.ts";
import { isTemplate } from "./job-endpoint.ts";

export type JobStatus = "pending" | "running" | "dead";

/** Allocations of one group by state; field names as in a job's summary. */
export interface GroupSummary {
  Queued: number;
  Complete: number;
  Failed: number;
  Running: number;
  Starting: number;
  Lost: number;
  Unknown: number;
}

/** A job with what follows from its allocations and evaluations: none of it is stored. */
export interface JobStanding {
  readonly status: JobStatus;
  readonly summary: Readonly<Record<string, GroupSummary>>;
  /** The newest revision any of it depends on. */
  readonly modifyIndex: number;
}

export function standingOf(state: ClusterState, { value: job, modifyIndex }: Row<Job>): JobStanding {
  const evals = state.jobEvals(job.Namespace, job.ID);
  const open = evals.some(({ value }) => value.Status === "pending" || value.Status === "blocked");
  const newest = evals
    .filter(({ value }) => value.Status === "complete" || value.Status === "blocked")
    .reduce<(typeof evals)[number] | undefined>(
      (a, b) => (a !== undefined && a.modifyIndex >= b.modifyIndex ? a : b),
      undefined,
    );
  const summary = emptySummary(job, newest?.value.QueuedAllocations ?? {});
  let last = evals.reduce((most, each) => Math.max(most, each.modifyIndex), modifyIndex);
  let live = false;
  // One pass, and nothing made for each: a job may have a hundred thousand.
  const reports = state.view.table(allocReports);
  for (const row of state.view.table(allocs).by("job", `${job.Namespace}/${job.ID}`)) {
    const report = reports.get(row.namespace, row.id);
    const sides = { alloc: row.value, report: report?.value };
    const status = clientStatus(sides);
    last = Math.max(last, row.modifyIndex, report?.modifyIndex ?? 0);
    live ||= row.value.DesiredStatus === "run" && !isTerminalClientStatus(status);
    (summary[row.value.TaskGroup] ??= emptyGroup())[COLUMN[status]] += 1;
  }
  return { status: statusOf(job, { live, open: open || evals.length === 0 }), summary, modifyIndex: last };
}

/**
 * Running while anything runs, pending while something may, dead after. What only makes other jobs, and what is for every
 * node there may be, runs until stopped.
 */
function statusOf(job: Job, { live, open }: { readonly live: boolean; readonly open: boolean }): JobStatus {
  if (isTemplate(job)) return job.Stop ? "dead" : "running";
  if (live) return "running";
  if (job.Stop) return "dead";
  if (job.Type === "system") return "running";
  return open ? "pending" : "dead";
}

const COLUMN = {
  pending: "Starting",
  running: "Running",
  complete: "Complete",
  failed: "Failed",
  lost: "Lost",
  unknown: "Unknown",
} as const satisfies Record<AllocClientStatus, keyof GroupSummary>;

function emptySummary(job: Job, queued: Readonly<Record<string, number>>): Record<string, GroupSummary> {
  return Object.fromEntries(job.TaskGroups.map(({ Name }) => [Name, { ...emptyGroup(), Queued: queued[Name] ?? 0 }]));
}

function emptyGroup(): GroupSummary {
  return { Queued: 0, Complete: 0, Failed: 0, Running: 0, Starting: 0, Lost: 0, Unknown: 0 };
}
