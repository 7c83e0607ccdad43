import type { DeploymentState } from "#base/protocol/deployment.ts";
import type { Job, TaskGroup } from "#base/protocol/job.ts";
import { indexOfName, type KnownAlloc } from "../alloc-state.ts";
import { AllocNames } from "./alloc-names.ts";
import {
  noUpdates,
  STOP_LOST,
  STOP_MIGRATING,
  STOP_NOT_NEEDED,
  STOP_RESCHEDULED,
  STOP_UPDATED,
  type Decision,
  type DesiredUpdates,
  type Placement,
} from "./decision.ts";
import { groupDiff } from "./group-diff.ts";
import type { Situation } from "./situation.ts";
import { sortAllocs, type Buckets } from "./sort-allocs.ts";
import { isHalted, isRolling, newDeploymentState, updateLimit } from "./update-limit.ts";

export interface GroupStep {
  readonly situation: Situation;
  readonly job: Job;
  readonly group: TaskGroup;
  readonly decision: Decision;
}

/**
 * Brings one group of a service or batch job to its count and its newest version. Adds to the decision; returns the
 * state the group wants in a new deployment, undefined where nothing of it changes.
 */
export function reconcileGroup(step: GroupStep): DeploymentState | undefined {
  const { situation, job, group, decision } = step;
  const buckets = sortAllocs(situation, job, group);
  const desired = noUpdates();
  decision.desired[group.Name] = desired;
  for (const known of buckets.stop) stop(step, known, STOP_NOT_NEEDED);
  trim(step, buckets);
  const destructive = updateInPlace(step, buckets);
  const canaries = canariesWanted(step, { buckets, destructive });
  if (canaries > 0 || waitsForPromotion(step, destructive)) placeCanaries(step, { buckets, destructive, canaries });
  else replaceUpdated(step, buckets, destructive);
  followUp(step, buckets);
  placeMissing(step, buckets);
  desired.Ignore += buckets.held.length + buckets.later.length;
  return isRolling(job, group) && startsVersion(step, destructive.length + desired.InPlaceUpdate)
    ? newDeploymentState(group, group.Update?.Canary ?? 0)
    : undefined;
}

/** A version is rolled out once: replacing what was lost later is no deployment. */
function startsVersion({ situation, job, group }: GroupStep, updates: number): boolean {
  if (updates > 0) return true;
  return !situation.allocs.some(
    ({ alloc, createIndex }) =>
      alloc.TaskGroup === group.Name && alloc.JobVersion === job.Version && createIndex >= situation.jobCreateIndex,
  );
}

/** Gives up places above the count: first those nobody runs in, then the highest indexes. */
function trim(step: GroupStep, buckets: Buckets): void {
  const { decision, group, job } = step;
  let surplus = placesFilled(buckets) - (group.Count ?? 1);
  for (const ended of [buckets.held, buckets.later, buckets.reschedule]) {
    if (surplus > 0) surplus -= ended.splice(Math.max(0, ended.length - surplus)).length;
  }
  while (surplus > 0 && buckets.lost.length > 0) {
    const known = buckets.lost.pop();
    if (known !== undefined) decision.stops.push({ known, description: STOP_LOST, lost: true });
    surplus -= 1;
  }
  const isNew = ({ alloc }: KnownAlloc): boolean => alloc.JobVersion === job.Version;
  const newNames = new Set(buckets.running.filter(isNew).map(({ alloc }) => alloc.Name));
  for (const live of [buckets.migrate, buckets.running]) {
    if (surplus <= 0) continue;
    const doomed = live.toSorted((a, b) => stopRank(b, job, newNames) - stopRank(a, job, newNames)).slice(0, surplus);
    for (const known of doomed) {
      live.splice(live.indexOf(known), 1);
      stop(step, known, STOP_NOT_NEEDED);
    }
    surplus -= doomed.length;
  }
}

/** Highest goes first: old ones whose place a promoted canary took, then other old ones, then high indexes. */
function stopRank({ alloc }: KnownAlloc, job: Job, newNames: ReadonlySet<string>): number {
  const index = indexOfName(alloc.Name);
  if (alloc.JobVersion === job.Version) return index;
  return index + (newNames.has(alloc.Name) ? 2e10 : 1e10);
}

/** Takes over what may keep running; returns what only new tasks can follow. */
function updateInPlace({ situation, job, group, decision }: GroupStep, buckets: Buckets): KnownAlloc[] {
  const destructive: KnownAlloc[] = [];
  const desired = decision.desired[group.Name] ?? noUpdates();
  const kinds = new Map<number, ReturnType<typeof groupDiff>>();
  for (const known of buckets.running) {
    const version = known.alloc.JobVersion;
    if (version === job.Version) {
      desired.Ignore += 1;
      continue;
    }
    const kind = kinds.get(version) ?? groupDiff(situation.versionOf(known), job, group.Name);
    kinds.set(version, kind);
    if (kind === "destructive" || !situation.mayStay(known, group)) {
      destructive.push(known);
      continue;
    }
    decision.updates.push(known);
    desired.InPlaceUpdate += 1;
  }
  return destructive.toSorted((a, b) => indexOfName(a.alloc.Name) - indexOfName(b.alloc.Name));
}

function replaceUpdated(step: GroupStep, buckets: Buckets, destructive: readonly KnownAlloc[]): void {
  const { situation, job, group, decision } = step;
  const limit = updateLimit(situation, job, { group, live: [...buckets.running, ...buckets.canaries] });
  const desired = decision.desired[group.Name] ?? noUpdates();
  for (const [index, known] of destructive.entries()) {
    if (index >= limit) {
      desired.Ignore += 1;
      continue;
    }
    desired.DestructiveUpdate += 1;
    place(step, { reason: "update", previous: known, stopPrevious: STOP_UPDATED });
  }
}

function isPromoted({ situation, group }: GroupStep): boolean {
  return situation.deployment?.TaskGroups[group.Name]?.Promoted ?? false;
}

function waitsForPromotion(step: GroupStep, destructive: readonly KnownAlloc[]): boolean {
  const { group, job } = step;
  return isRolling(job, group) && (group.Update?.Canary ?? 0) > 0 && destructive.length > 0 && !isPromoted(step);
}

/** How many canaries are still to be started; 0 once all run, or where the update needs none. */
function canariesWanted(
  step: GroupStep,
  { buckets, destructive }: { buckets: Buckets; destructive: readonly KnownAlloc[] },
): number {
  if (!waitsForPromotion(step, destructive) || isHalted(step.situation)) return 0;
  return Math.max(0, (step.group.Update?.Canary ?? 0) - buckets.canaries.length);
}

function placeCanaries(
  step: GroupStep,
  at: { buckets: Buckets; destructive: readonly KnownAlloc[]; canaries: number },
): void {
  const { group, decision } = step;
  const desired = decision.desired[group.Name] ?? noUpdates();
  desired.Ignore += at.destructive.length;
  const names = at.destructive.map(({ alloc }) => alloc.Name);
  const taken = new Set(at.buckets.canaries.map(({ alloc }) => alloc.Name));
  const free = new AllocNames(step.situation.jobId, group.Name, [...names, ...taken]);
  const candidates = names.filter((name) => !taken.has(name));
  for (let i = 0; i < at.canaries; i++) {
    desired.Canary += 1;
    place(step, { reason: "new", canary: true, name: candidates[i] ?? free.take() });
  }
}

/** Places for allocations that cannot go on where they are. */
function followUp(step: GroupStep, buckets: Buckets): void {
  const { group, decision } = step;
  const desired = decision.desired[group.Name] ?? noUpdates();
  for (const known of buckets.migrate) {
    desired.Migrate += 1;
    decision.stops.push({ known, description: STOP_MIGRATING, lost: false });
    place(step, { reason: "migrate", previous: known });
  }
  for (const known of buckets.lost) {
    desired.Place += 1;
    decision.stops.push({ known, description: STOP_LOST, lost: true });
    place(step, { reason: "lost", previous: known });
  }
  for (const known of buckets.reschedule) {
    desired.Place += 1;
    place(step, { reason: "reschedule", previous: known, stopPrevious: STOP_RESCHEDULED });
  }
  decision.later.push(...buckets.later);
}

function placeMissing(step: GroupStep, buckets: Buckets): void {
  const { situation, group, decision } = step;
  const missing = (group.Count ?? 1) - placesFilled(buckets);
  if (missing <= 0 || (isHalted(situation) && !isAlone(step, buckets))) return;
  const held = [...buckets.held, ...buckets.later.map(({ known }) => known), ...buckets.reschedule, ...buckets.lost];
  const used = [...buckets.running, ...buckets.migrate, ...held].map(({ alloc }) => alloc.Name);
  const names = new AllocNames(situation.jobId, group.Name, used);
  const desired = decision.desired[group.Name] ?? noUpdates();
  desired.Place += missing;
  for (let i = 0; i < missing; i++) place(step, { reason: "new", name: names.take() });
}

/**
 * A deployment that failed because there was no room yet is no reason to leave places empty for ever: as long as no
 * older version runs beside it, there is nothing to protect.
 */
function isAlone({ situation, job }: GroupStep, { running }: Buckets): boolean {
  return situation.deployment?.Status === "failed" && running.every(({ alloc }) => alloc.JobVersion === job.Version);
}

function placesFilled(buckets: Buckets): number {
  const { running, migrate, lost, reschedule, later, held } = buckets;
  return [running, migrate, lost, reschedule, later, held].reduce((sum, each) => sum + each.length, 0);
}

interface PlaceOptions {
  readonly reason: Placement["reason"];
  readonly name?: string;
  readonly previous?: KnownAlloc;
  readonly stopPrevious?: string;
  readonly canary?: boolean;
}

function place({ group, decision }: GroupStep, options: PlaceOptions): void {
  decision.placements.push({
    name: options.name ?? options.previous?.alloc.Name ?? "",
    group,
    reason: options.reason,
    canary: options.canary ?? false,
    previous: options.previous,
    stopPrevious: options.stopPrevious,
    nodeId: undefined,
  });
}

function stop({ decision, group }: GroupStep, known: KnownAlloc, description: string): void {
  decision.stops.push({ known, description, lost: false });
  const desired: DesiredUpdates | undefined = decision.desired[group.Name];
  if (desired !== undefined) desired.Stop += 1;
}
