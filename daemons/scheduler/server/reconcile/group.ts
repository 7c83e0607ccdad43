import type { DeploymentState } from "#base/protocol/deployment.ts";
import { indexOfName, type KnownAlloc } from "../alloc-state.ts";
import { STRIDE, type Steps } from "../schedule/steps.ts";
import { AllocNames } from "./alloc-names.ts";
import { placeCanaries, waitsForPromotion } from "./canaries.ts";
import {
  STOP_LOST,
  STOP_MIGRATING,
  STOP_NOT_NEEDED,
  STOP_RECONNECTED,
  STOP_RESCHEDULED,
  STOP_UPDATED,
} from "./decision.ts";
import { groupDiff } from "./group-diff.ts";
import { desiredOf, place, placesFilled, stop, type GroupStep } from "./group-step.ts";
import { keepsOriginal } from "./reconnect.ts";
import { sortAllocs, type Buckets } from "./sort-allocs.ts";
import { retireNamesakes, trim } from "./trim.ts";
import { isHalted, isRolling, newDeploymentState, updateLimit } from "./update-limit.ts";

/**
 * Brings one group of a service or batch job to its count and its newest version. Adds to the decision; returns the
 * state the group wants in a new deployment, undefined where nothing of it changes.
 */
export function* reconcileGroup(step: GroupStep): Steps<DeploymentState | undefined> {
  const { situation, job, group } = step;
  const buckets = yield* sortAllocs(situation, job, group);
  const desired = desiredOf(step);
  endSurely(step, buckets);
  settleReturns(step, buckets);
  yield;
  retireNamesakes(step, buckets);
  trim(step, buckets);
  yield;
  const destructive = updateInPlace(step, buckets);
  const waits = waitsForPromotion(step, destructive);
  if (waits) placeCanaries(step, buckets, destructive);
  else replaceUpdated(step, buckets, destructive);
  yield;
  followUp(step, buckets);
  // What is more than before comes with the promotion.
  if (!waits) yield* placeMissing(step, buckets);
  desired.Ignore += buckets.held.length + buckets.later.length;
  const canaries = destructive.length > 0 ? (group.Update?.Canary ?? 0) : 0;
  return isRolling(job, group) && startsVersion(step, destructive.length + desired.InPlaceUpdate)
    ? newDeploymentState(group, canaries)
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

/** What ends whatever else is decided. */
function endSurely(step: GroupStep, buckets: Buckets): void {
  for (const known of buckets.stop) stop(step, known, STOP_NOT_NEEDED);
  for (const known of buckets.dropped) {
    step.decision.stops.push({ known, description: STOP_LOST, lost: true });
    desiredOf(step).Stop += 1;
  }
  for (const known of buckets.drained) {
    stop(step, known, STOP_MIGRATING);
    buckets.held.push(known);
  }
}

/** Nodes that are back: of what ran there and what replaced it, one goes on. */
function settleReturns(step: GroupStep, buckets: Buckets): void {
  for (const back of buckets.back.toSorted((a, b) => a.createIndex - b.createIndex)) {
    const at = buckets.running.findIndex(({ alloc }) => alloc.Name === back.alloc.Name);
    const other = buckets.running[at];
    const first = other === undefined || back.createIndex <= other.createIndex;
    const stays = other === undefined || (first ? keepsOriginal(step, back, other) : !keepsOriginal(step, other, back));
    if (!stays) {
      stop(step, back, STOP_RECONNECTED);
      continue;
    }
    if (other !== undefined) {
      buckets.running.splice(at, 1);
      stop(step, other, STOP_RECONNECTED);
    }
    step.decision.reconnects.push(back);
    (back.alloc.DesiredTransition.Migrate ? buckets.migrate : buckets.running).push(back);
  }
}

/** Takes over what may keep running; returns what only new tasks can follow. */
function updateInPlace(step: GroupStep, buckets: Buckets): KnownAlloc[] {
  const { situation, job, group, decision } = step;
  const destructive: KnownAlloc[] = [];
  const desired = desiredOf(step);
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
  const { situation, job, group } = step;
  const failing = [...buckets.later.map(({ known }) => known), ...buckets.reschedule, ...buckets.held];
  const own = [...buckets.running, ...buckets.canaries, ...failing, ...buckets.lost, ...buckets.migrate];
  const limit = updateLimit(situation, job, { group, own });
  for (const [index, known] of destructive.entries()) {
    if (index >= limit) {
      desiredOf(step).Ignore += 1;
      continue;
    }
    desiredOf(step).DestructiveUpdate += 1;
    place(step, { reason: "update", previous: known, stopPrevious: STOP_UPDATED });
  }
}

/** Places for allocations that cannot go on where they are. */
function followUp(step: GroupStep, buckets: Buckets): void {
  const { decision } = step;
  const desired = desiredOf(step);
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
  for (const { known, verdict } of buckets.away) {
    desired.Ignore += 1;
    if (verdict.mark) decision.unknown.push(known);
    if (verdict.untilNs !== undefined) decision.later.push({ known, atNs: verdict.untilNs, why: "away" });
    if (!verdict.replace) continue;
    desired.Place += 1;
    place(step, { reason: "reschedule", previous: known });
  }
  for (const { known, atNs } of buckets.later) decision.later.push({ known, atNs, why: "failed" });
}

function* placeMissing(step: GroupStep, buckets: Buckets): Steps<void> {
  const { situation, group } = step;
  const missing = (group.Count ?? 1) - placesFilled(buckets);
  if (missing <= 0 || (isHalted(situation) && !isAlone(step, buckets))) return;
  const held = [...buckets.held, ...buckets.later.map(({ known }) => known), ...buckets.reschedule, ...buckets.lost];
  const away = buckets.away.map(({ known }) => known);
  const used = [...buckets.running, ...buckets.migrate, ...held, ...away].map(({ alloc }) => alloc.Name);
  const names = new AllocNames(situation.jobId, group.Name, used);
  desiredOf(step).Place += missing;
  for (let i = 0; i < missing; i++) {
    if (i % STRIDE === 0) yield;
    place(step, { reason: "new", name: names.take() });
  }
}

/**
 * A deployment that failed because there was no room yet is no reason to leave places empty for ever: as long as no
 * older version runs beside it, there is nothing to protect.
 */
function isAlone({ situation, job }: GroupStep, { running }: Buckets): boolean {
  return situation.deployment?.Status === "failed" && running.every(({ alloc }) => alloc.JobVersion === job.Version);
}
