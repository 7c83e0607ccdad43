import { clientStatus, isTerminal, type KnownAlloc } from "./alloc-state.ts";
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
  const allocs = state.jobAllocs(job.Namespace, job.ID);
  const evals = state.jobEvals(job.Namespace, job.ID);
  const indexes = [...allocs, ...evals].map((each) => each.modifyIndex);
  const open = evals.some(({ value }) => value.Status === "pending" || value.Status === "blocked");
  const newest = evals
    .filter(({ value }) => value.Status === "complete" || value.Status === "blocked")
    .reduce<(typeof evals)[number] | undefined>(
      (a, b) => (a !== undefined && a.modifyIndex >= b.modifyIndex ? a : b),
      undefined,
    );
  return {
    status: statusOf(job, allocs, open || evals.length === 0),
    summary: summaryOf(job, allocs, newest?.value.QueuedAllocations ?? {}),
    modifyIndex: indexes.reduce((most, index) => Math.max(most, index), modifyIndex),
  };
}

/** Running while anything runs, pending while something may, dead after; what only makes other jobs runs until stopped. */
function statusOf(job: Job, allocs: readonly KnownAlloc[], open: boolean): JobStatus {
  if (isTemplate(job)) return job.Stop ? "dead" : "running";
  if (allocs.some((known) => !isTerminal(known))) return "running";
  if (job.Stop) return "dead";
  return open ? "pending" : "dead";
}

function summaryOf(
  job: Job,
  allocs: readonly KnownAlloc[],
  queued: Readonly<Record<string, number>>,
): Record<string, GroupSummary> {
  const groups: Record<string, GroupSummary> = {};
  const groupOf = (name: string): GroupSummary =>
    (groups[name] ??= { Queued: 0, Complete: 0, Failed: 0, Running: 0, Starting: 0, Lost: 0, Unknown: 0 });
  for (const { Name } of job.TaskGroups) groupOf(Name).Queued = queued[Name] ?? 0;
  for (const known of allocs) {
    const group = groupOf(known.alloc.TaskGroup);
    const status = clientStatus(known);
    switch (status) {
      case "pending":
        group.Starting += 1;
        break;
      case "running":
        group.Running += 1;
        break;
      case "complete":
        group.Complete += 1;
        break;
      case "failed":
        group.Failed += 1;
        break;
      case "lost":
        group.Lost += 1;
        break;
      case "unknown":
        group.Unknown += 1;
        break;
      default:
        status satisfies never;
    }
  }
  return groups;
}
