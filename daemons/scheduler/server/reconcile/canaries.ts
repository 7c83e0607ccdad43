import type { KnownAlloc } from "../alloc-state.ts";
import { AllocNames } from "./alloc-names.ts";
import { STOP_RESCHEDULED } from "./decision.ts";
import { desiredOf, place, type GroupStep } from "./group-step.ts";
import { isCanarying } from "./standing.ts";
import type { Buckets } from "./sort-allocs.ts";
import { isHalted, isRolling } from "./update-limit.ts";

/** Nothing of the old version may go before somebody promoted the canaries. */
export function waitsForPromotion(step: GroupStep, destructive: readonly KnownAlloc[]): boolean {
  const { situation, job, group } = step;
  if (isCanarying(step)) return true;
  if (!isRolling(job, group) || (group.Update?.Canary ?? 0) === 0 || destructive.length === 0) return false;
  return !(situation.deployment?.TaskGroups[group.Name]?.Promoted ?? false);
}

/** Starts the canaries that are missing, beside what runs; failed ones are followed by another when their time comes. */
export function placeCanaries(step: GroupStep, buckets: Buckets, destructive: readonly KnownAlloc[]): void {
  const { group, decision, situation } = step;
  desiredOf(step).Ignore += destructive.length;
  if (isHalted(situation)) return;
  for (const { known, atNs } of buckets.failedCanaries) {
    if (atNs === undefined) {
      desiredOf(step).Canary += 1;
      place(step, { reason: "reschedule", previous: known, stopPrevious: STOP_RESCHEDULED, canary: true });
    } else if (Number.isFinite(atNs)) decision.later.push({ known, atNs, why: "failed" });
  }
  const there = [...buckets.canaries, ...buckets.failedCanaries.map(({ known }) => known)];
  const taken = new Set(there.map(({ alloc }) => alloc.Name));
  const leaving = [
    ...buckets.migrate,
    ...buckets.lost,
    ...buckets.reschedule,
    ...buckets.later.map(({ known }) => known),
  ];
  const names = [...destructive, ...leaving].map(({ alloc }) => alloc.Name);
  const candidates = names.filter((name) => !taken.has(name));
  const free = new AllocNames(situation.jobId, group.Name, [...names, ...taken]);
  const missing = Math.max(0, (group.Update?.Canary ?? 0) - there.length);
  for (let i = 0; i < missing; i++) {
    desiredOf(step).Canary += 1;
    place(step, { reason: "new", canary: true, name: candidates[i] ?? free.take() });
  }
}
