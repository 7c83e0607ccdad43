import type { Job } from "#base/protocol/job.ts";
import { indexOfName, type KnownAlloc } from "../alloc-state.ts";
import { STOP_LOST, STOP_NOT_NEEDED } from "./decision.ts";
import { placesFilled, stop, type GroupStep } from "./group-step.ts";
import type { Buckets } from "./sort-allocs.ts";

/** Gives up places above the count: first those nobody runs in, then those out of reach, then the highest indexes. */
export function trim(step: GroupStep, buckets: Buckets): void {
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
  for (const { known } of buckets.away.filter(({ verdict }) => !verdict.replaced)) {
    if (surplus <= 0) break;
    buckets.away.splice(
      buckets.away.findIndex((each) => each.known === known),
      1,
    );
    stop(step, known, STOP_NOT_NEEDED);
    surplus -= 1;
  }
  if (surplus > 0) trimLive(step, buckets, { surplus, job });
}

/** A promoted canary has taken the place of the old one of its name. */
export function retireNamesakes(step: GroupStep, buckets: Buckets): void {
  const isNew = ({ alloc }: KnownAlloc): boolean => alloc.JobVersion === step.job.Version;
  if (buckets.running.every(isNew)) return;
  const taken = new Set(buckets.running.filter(isNew).map(({ alloc }) => alloc.Name));
  const old = buckets.running.filter((known) => !isNew(known) && taken.has(known.alloc.Name));
  for (const known of old) {
    buckets.running.splice(buckets.running.indexOf(known), 1);
    stop(step, known, STOP_NOT_NEEDED);
  }
}

function trimLive(step: GroupStep, buckets: Buckets, at: { readonly surplus: number; readonly job: Job }): void {
  const isNew = ({ alloc }: KnownAlloc): boolean => alloc.JobVersion === at.job.Version;
  const newNames = new Set(buckets.running.filter(isNew).map(({ alloc }) => alloc.Name));
  let { surplus } = at;
  for (const live of [buckets.migrate, buckets.running]) {
    if (surplus <= 0) continue;
    const ranked = live.map((known) => ({ known, rank: stopRank(known, at.job, newNames) }));
    const doomed = new Set(
      ranked
        .toSorted((a, b) => b.rank - a.rank)
        .slice(0, surplus)
        .map(({ known }) => known),
    );
    const kept = live.filter((known) => !doomed.has(known));
    live.length = 0;
    for (const known of kept) live.push(known);
    for (const known of doomed) stop(step, known, STOP_NOT_NEEDED);
    surplus -= doomed.size;
  }
}

/** Highest goes first: old ones whose place a promoted canary took, then other old ones, then high indexes. */
function stopRank({ alloc }: KnownAlloc, job: Job, newNames: ReadonlySet<string>): number {
  const index = indexOfName(alloc.Name);
  if (alloc.JobVersion === job.Version) return index;
  return index + (newNames.has(alloc.Name) ? 2e10 : 1e10);
}
