import { isTerminal, type KnownAlloc } from "../alloc-state.ts";
import { GroupPlacer, type Placed } from "../place/group-placer.ts";
import type { MetricDraft } from "../place/metric.ts";
import { SystemPlacer } from "../place/system-placer.ts";
import { usageOf } from "../place/usage.ts";
import type { Placement } from "../reconcile/decision.ts";
import { newAlloc } from "./new-alloc.ts";
import type { GroupFailure, PlaceStep, ScheduleDeps } from "./request.ts";

/** Finds nodes for all placements of a decision and drafts their allocations; returns what found none. */
export function placeAll(deps: ScheduleDeps, step: PlaceStep): Map<string, GroupFailure> {
  const failures = new Map<string, GroupFailure>();
  const byGroup = Map.groupBy(step.decision.placements, (placement) => placement.group);
  for (const [group, placements] of byGroup) {
    // What is replaced makes room for what replaces it, and takes it back where that found no place.
    for (const { previous, stopPrevious } of placements) {
      if (previous !== undefined && stopPrevious !== undefined) deps.table.drop(previous.alloc.ID);
    }
    const placer = placerFor(deps, { step, group, placements });
    const unplaced = placements.filter((placement) => !placeOne(deps, { step, placer, placement }));
    for (const { previous, stopPrevious } of unplaced) {
      if (previous === undefined || stopPrevious === undefined || isTerminal(previous)) continue;
      deps.table.hold(previous.alloc.ID, previous.alloc.NodeID, usageOf(previous.alloc.AllocatedResources));
    }
    if (unplaced.length === 0) continue;
    const metric: MetricDraft = placer.failure();
    metric.CoalescedFailures = unplaced.length - 1;
    failures.set(group.Name, { metric, queued: unplaced.length, classEligibility: placer.classEligibility() });
  }
  return failures;
}

type Placer = Pick<GroupPlacer, "place" | "failure" | "classEligibility">;

function placerFor(
  { table, random, algorithm }: ScheduleDeps,
  at: { step: PlaceStep; group: Placement["group"]; placements: readonly Placement[] },
): Placer {
  const { job, situation, decision, draft } = at.step;
  const { group } = at;
  if (job.Type === "system" || job.Type === "sysbatch") return new SystemPlacer({ table, job, group, random });
  const leaving = new Set([
    ...decision.stops.map(({ known }) => known.alloc.ID),
    ...at.placements.flatMap(({ previous }) => (previous === undefined ? [] : [previous.alloc.ID])),
  ]);
  const staying = [
    ...situation.allocs.filter((known) => !isTerminal(known) && !leaving.has(known.alloc.ID)).map(({ alloc }) => alloc),
    ...draft.creates.map(({ alloc }) => alloc),
  ].map(({ NodeID, TaskGroup }) => ({ nodeId: NodeID, group: TaskGroup }));
  return new GroupPlacer({ table, job, group, algorithm, random, staying });
}

function placeOne(
  { random }: ScheduleDeps,
  { step, placer, placement }: { step: PlaceStep; placer: Placer; placement: Placement },
): boolean {
  const { previous, stopPrevious } = placement;
  const allocId = random.uuid();
  const placed: Placed | undefined = placer.place({
    allocId,
    penaltyNodes: placement.reason === "reschedule" ? nodesTried(previous) : new Set(),
    ...preference(placement),
  });
  if (placed === undefined) return false;
  const alloc = newAlloc({ step, placement, placed, allocId });
  const usage = usageOf(placed.resources);
  step.draft.create({ alloc, usage }, previous === undefined ? undefined : { known: previous, stop: stopPrevious });
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
