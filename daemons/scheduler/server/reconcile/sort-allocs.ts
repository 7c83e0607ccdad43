import type { Job, TaskGroup } from "#base/protocol/job.ts";
import { clientStatus, isClientTerminal, type KnownAlloc } from "../alloc-state.ts";
import { rescheduleVerdict } from "./reschedule.ts";
import type { Situation } from "./situation.ts";

/** One group's allocations by what has to happen to them. All but `stop` fill one of the group's places. */
export interface Buckets {
  readonly running: KnownAlloc[];
  readonly canaries: KnownAlloc[];
  readonly migrate: KnownAlloc[];
  /** Their node is gone. */
  readonly lost: KnownAlloc[];
  /** Failed, and to be replaced now. */
  readonly reschedule: KnownAlloc[];
  /** Failed, and to be replaced at a time that has not come. */
  readonly later: { readonly known: KnownAlloc; readonly atNs: number }[];
  /** Ended for good: batch work that is done, failures whose policy gives up. */
  readonly held: KnownAlloc[];
  /** Live without a right to be: of an earlier job, or a canary nobody promoted. */
  readonly stop: KnownAlloc[];
}

export function sortAllocs(situation: Situation, job: Job, group: TaskGroup): Buckets {
  const buckets: Buckets = {
    running: [],
    canaries: [],
    migrate: [],
    lost: [],
    reschedule: [],
    later: [],
    held: [],
    stop: [],
  };
  for (const known of situation.allocs) {
    if (known.alloc.TaskGroup !== group.Name || known.alloc.DesiredStatus !== "run") continue;
    if (isClientTerminal(known)) sortEnded(buckets, known, { situation, job, group });
    else sortLive(buckets, known, situation);
  }
  return buckets;
}

function sortLive(buckets: Buckets, known: KnownAlloc, situation: Situation): void {
  const { alloc, createIndex } = known;
  if (situation.fateOf(alloc.NodeID) === "down") buckets.lost.push(known);
  else if (createIndex < situation.jobCreateIndex) buckets.stop.push(known);
  else if (alloc.Canary && alloc.DeploymentID === activeDeploymentId(situation)) buckets.canaries.push(known);
  else if (alloc.Canary) buckets.stop.push(known);
  else if (alloc.DesiredTransition.Migrate) buckets.migrate.push(known);
  else buckets.running.push(known);
}

function sortEnded(
  buckets: Buckets,
  known: KnownAlloc,
  { situation, job, group }: { situation: Situation; job: Job; group: TaskGroup },
): void {
  const { alloc, createIndex } = known;
  // Replaced already, or of another job or version: its place is free.
  if (alloc.NextAllocation !== "" || createIndex < situation.jobCreateIndex || alloc.JobVersion !== job.Version) return;
  const status = clientStatus(known);
  if (status === "complete") {
    if (job.Type === "batch") buckets.held.push(known);
    return;
  }
  if (status === "lost") {
    buckets.lost.push(known);
    return;
  }
  const { deployment } = situation;
  if (deployment?.Status === "failed" && alloc.DeploymentID === deployment.ID) {
    buckets.held.push(known);
    return;
  }
  const verdict = rescheduleVerdict(known, group.ReschedulePolicy, situation.nowNs);
  if (verdict.kind === "now") buckets.reschedule.push(known);
  else if (verdict.kind === "later") buckets.later.push({ known, atNs: verdict.atNs });
  else buckets.held.push(known);
}

function activeDeploymentId({ deployment }: Situation): string {
  return deployment !== undefined && isActive(deployment.Status) ? deployment.ID : "-";
}

export function isActive(status: string): boolean {
  return ["initializing", "running", "paused", "pending", "blocked", "unblocking"].includes(status);
}
