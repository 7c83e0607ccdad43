import { nextOf, parseCron, type Schedule } from "#base/language/cron.ts";
import type { Job } from "#base/protocol/job.ts";
import type { Row } from "#base/state/table.ts";
import { jobs } from "#base/state/tables.ts";
import type { ClusterState } from "./cluster-state.ts";
import { standingOf } from "./job-status.ts";

const CHILD = /\/periodic-(\d{1,12})$/;

/** `<job>/periodic-<seconds since the epoch>`, as its launch time names it. */
export function childId(jobId: string, launchMs: number): string {
  return `${jobId}/periodic-${Math.floor(launchMs / 1000)}`;
}

/** When a periodic job runs next after `afterMs`; undefined: never. */
export function nextLaunchMs({ Periodic, Stop }: Job, afterMs: number): number | undefined {
  if (Periodic === null || !Periodic.Enabled || Stop) return undefined;
  return nextOf(schedulesOf(Periodic), afterMs);
}

/**
 * The launch that is due first: after the last one that is known, so that one a restart slept through is made up for
 * (once); after now for a job that never ran.
 */
export function dueMs(state: ClusterState, row: Row<Job>, nowMs: number): number | undefined {
  const last = childrenOf(state, row).reduce((latest, child) => Math.max(latest, launchOf(child.id)), 0);
  return nextLaunchMs(row.value, last === 0 ? nowMs : last);
}

/** The job one launch runs. */
export function childJob(job: Job, launchMs: number): Job {
  const ID = childId(job.ID, launchMs);
  return { ...job, ID, Name: ID, ParentID: job.ID, Periodic: null, Stop: false };
}

/** A launch that is still under way. */
export function hasRunningChild(state: ClusterState, row: Row<Job>): boolean {
  return childrenOf(state, row).some((child) => standingOf(state, child).status !== "dead");
}

export function childrenOf(state: ClusterState, { namespace, id }: Row<Job>): Row<Job>[] {
  return [...state.view.table(jobs).list(namespace, `${id}/`)].filter(({ value }) => value.ParentID === id);
}

function launchOf(id: string): number {
  return Number(CHILD.exec(id)?.[1] ?? 0) * 1000;
}

function schedulesOf({ Spec, Specs, TimeZone }: NonNullable<Job["Periodic"]>): Schedule[] {
  return (Specs.length > 0 ? Specs : [Spec]).flatMap((spec) => {
    const parsed = parseCron(spec, TimeZone);
    return parsed.ok ? [parsed.value] : [];
  });
}
