import { indexOfName, isTerminal, type KnownAlloc } from "../alloc-state.ts";
import { GroupPlacer } from "../place/group-placer.ts";
import type { Placed } from "../place/placement.ts";
import type { MetricDraft } from "../place/metric.ts";
import { SystemPlacer } from "../place/system-placer.ts";
import { usageOf } from "../place/usage.ts";
import type { Placement } from "../reconcile/decision.ts";
import { newAlloc } from "./new-alloc.ts";
import { placingRules } from "./placing-rules.ts";
import type { GroupFailure, PlaceStep, ScheduleDeps } from "./request.ts";
import { claimsFor, claimsOf } from "./volume-claims.ts";
import { evictionsOf, victimsOf } from "./victims.ts";
import type { Steps } from "./steps.ts";

/** Placements of one plan that is worked out over several turns. */
export interface Apart {
  /** Allocations that hold room in the table. */
  readonly reserved: string[];
  /** Slots that others changed since the last call. */
  readonly changed: () => ReadonlySet<number>;
}

/** Placements that are worked out before others have a turn. */
const BATCH = 100;

/**
 * Finds nodes for all placements of a decision and drafts their allocations; returns what found none. Without `apart` it
 * runs in one turn, inside a trial.
 */
export function* placeAll(
  deps: ScheduleDeps,
  step: PlaceStep,
  apart: Apart | undefined,
): Steps<Map<string, GroupFailure>> {
  const failures = new Map<string, GroupFailure>();
  const byGroup = Map.groupBy(step.decision.placements, (placement) => placement.group);
  for (const [group, placements] of byGroup) {
    yield;
    const unplaced: Placement[] = [];
    let placer: Placer | undefined;
    const size = apart === undefined ? placements.length : BATCH;
    /** Those that found nothing are tried again when nodes were looked at for room. */
    const queue = [...placements];
    let looked = false;
    for (let at = 0; at < queue.length; at += size) {
      if (looked && placer?.wantsRoom === true) yield* placer.lookForRoom();
      const batch = queue.slice(at, at + size);
      // What is replaced makes room for what replaces it, and takes it back where that found no place.
      const dropped = batch.filter(({ stopPrevious }) => stopPrevious !== undefined);
      for (const { previous } of dropped) deps.table.drop(previous?.alloc.ID ?? "");
      if (placer === undefined) placer = placerFor(deps, { step, group, placements, apart });
      else placer.refresh(apart?.changed() ?? new Set());
      const own: Placer = placer;
      const failed = new Set(batch.filter((placement) => !placeOne(deps, { step, placer: own, placement, apart })));
      // Over several turns nobody may be given room before the plan that frees it is written.
      for (const placement of dropped) if (apart !== undefined || failed.has(placement)) holdAgain(deps, placement);
      apart?.changed();
      if (apart !== undefined) placer.settle();
      if (placer.wantsRoom && (!looked || failed.size < batch.length)) {
        looked ||= failed.size > 0;
        queue.push(...failed);
      } else unplaced.push(...failed);
      yield;
    }
    if (placer === undefined) continue;
    if (unplaced.length === 0) continue;
    const metric: MetricDraft = placer.failure();
    metric.CoalescedFailures = unplaced.length - 1;
    failures.set(group.Name, { metric, queued: unplaced.length, classEligibility: placer.classEligibility() });
  }
  return failures;
}

type Placer = Pick<
  GroupPlacer,
  "place" | "failure" | "classEligibility" | "refresh" | "settle" | "wantsRoom" | "lookForRoom"
>;

function holdAgain({ table }: ScheduleDeps, { previous }: Placement): void {
  if (previous === undefined || isTerminal(previous)) return;
  table.hold(previous.alloc.ID, previous.alloc.NodeID, usageOf(previous.alloc.AllocatedResources));
}

function placerFor(
  { state, table, random }: ScheduleDeps,
  at: { step: PlaceStep; group: Placement["group"]; placements: readonly Placement[]; apart: Apart | undefined },
): Placer {
  const { situation, decision, draft } = at.step;
  const { group } = at;
  const job = at.placements[0]?.olderJob ?? at.step.job;
  const { algorithm, oversubscribes, preempts } = placingRules(state.view, job);
  const victimsOn = preempts ? victimsOf(state, at.step) : undefined;
  const patient = at.apart !== undefined;
  if (job.Type === "system" || job.Type === "sysbatch") {
    return new SystemPlacer({ table, job, group, random, oversubscribes, victimsOn });
  }
  const leaving = new Set([
    ...decision.stops.map(({ known }) => known.alloc.ID),
    ...at.placements.flatMap(({ previous }) => (previous === undefined ? [] : [previous.alloc.ID])),
  ]);
  const staying = [
    ...situation.allocs.filter((known) => !isTerminal(known) && !leaving.has(known.alloc.ID)).map(({ alloc }) => alloc),
    ...draft.creates.map(({ alloc }) => alloc),
  ].map(({ NodeID, TaskGroup }) => ({ nodeId: NodeID, group: TaskGroup }));
  const claims = claimsOf(state, { namespace: at.step.request.evaluation.Namespace, jobId: job.ID, group });
  const own = { table, job, group, algorithm, oversubscribes, random, staying, victimsOn, patient, claims };
  return new GroupPlacer(own);
}

function placeOne(
  deps: ScheduleDeps,
  {
    step,
    placer,
    placement,
    apart,
  }: { step: PlaceStep; placer: Placer; placement: Placement; apart: Apart | undefined },
): boolean {
  const { previous, stopPrevious } = placement;
  const allocId = deps.random.uuid();
  const startMs = deps.clock?.monotonicMs() ?? 0;
  const found: Placed | undefined = placer.place({
    allocId,
    index: indexOfName(placement.name),
    penaltyNodes: placement.reason === "reschedule" ? nodesTried(previous) : new Set(),
    ...preference(placement),
  });
  if (found === undefined) return false;
  const AllocationTime = Math.round(((deps.clock?.monotonicMs() ?? 0) - startMs) * 1e6);
  const placed = { ...found, metric: { ...found.metric, AllocationTime } };
  apart?.reserved.push(allocId);
  const alloc = newAlloc({ step, placement, placed, allocId });
  const usage = usageOf(placed.resources);
  const evictions = evictionsOf(deps, step, { victims: placed.evicted, by: alloc });
  if (evictions.length > 0) {
    const desired = step.decision.desired[placement.group.Name];
    if (desired !== undefined) desired.Preemptions += evictions.length;
  }
  const claims = claimsFor(deps, alloc, placement.group);
  step.draft.create(
    { alloc, usage, evictions, claims },
    previous === undefined ? undefined : { known: previous, stop: stopPrevious },
  );
  return true;
}

function nodesTried(previous: KnownAlloc | undefined): ReadonlySet<string> {
  const events = previous?.alloc.RescheduleTracker?.Events ?? [];
  return new Set([previous?.alloc.NodeID ?? "", ...events.map((event) => event.PrevNodeID)]);
}

/** System allocations belong to one node; sticky disks are worth going back to. */
function preference({ nodeId, previous, group, reason }: Placement): { preferredNode?: string } {
  if (nodeId !== undefined) return { preferredNode: nodeId };
  const sticky = reason === "update" && (group.EphemeralDisk?.Sticky ?? false);
  return sticky && previous !== undefined ? { preferredNode: previous.alloc.NodeID } : {};
}
