import type { Job, TaskGroup } from "#base/protocol/job.ts";
import type { KnownAlloc } from "../alloc-state.ts";
import { noUpdates, type Decision, type DesiredUpdates, type Placement } from "./decision.ts";
import type { Buckets } from "./sort-allocs.ts";
import { isCanarying } from "./standing.ts";
import type { Situation } from "./situation.ts";

/** One group of a service or batch job while it is reconciled. */
export interface GroupStep {
  readonly situation: Situation;
  readonly job: Job;
  readonly group: TaskGroup;
  /** What was decided so far; steps add to it. */
  readonly decision: Decision;
}

export interface PlaceOptions {
  readonly reason: Placement["reason"];
  /** Default: the name of `previous`. */
  readonly name?: string;
  readonly previous?: KnownAlloc;
  readonly stopPrevious?: string;
  readonly canary?: boolean;
}

export function place(step: GroupStep, options: PlaceOptions): void {
  const older =
    options.canary === true || options.reason === "update" ? undefined : olderVersion(step, options.previous);
  step.decision.placements.push({
    name: options.name ?? options.previous?.alloc.Name ?? "",
    group: older?.group ?? step.group,
    olderJob: older?.job,
    reason: options.reason,
    canary: options.canary ?? false,
    previous: options.previous,
    stopPrevious: options.stopPrevious,
    nodeId: undefined,
  });
}

function olderVersion(step: GroupStep, previous: KnownAlloc | undefined): { job: Job; group: TaskGroup } | undefined {
  if (previous === undefined || previous.alloc.JobVersion === step.job.Version || !isCanarying(step)) return undefined;
  const job = step.situation.versionOf(previous);
  const group = job?.TaskGroups.find(({ Name }) => Name === step.group.Name);
  return job === undefined || group === undefined ? undefined : { job, group };
}

export function stop(step: GroupStep, known: KnownAlloc, description: string): void {
  step.decision.stops.push({ known, description, lost: false });
  desiredOf(step).Stop += 1;
}

export function desiredOf({ decision, group }: Pick<GroupStep, "decision" | "group">): DesiredUpdates {
  return (decision.desired[group.Name] ??= noUpdates());
}

/** Places of the group that are taken, by whatever is or will be there. */
export function placesFilled(buckets: Buckets): number {
  const { running, migrate, lost, reschedule, later, held, away } = buckets;
  const unreplaced = away.filter(({ verdict }) => !verdict.replaced);
  return [running, migrate, lost, reschedule, later, held, unreplaced].reduce((sum, each) => sum + each.length, 0);
}
