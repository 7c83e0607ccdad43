import type { DeploymentState } from "#base/protocol/deployment.ts";
import { clientStatus, isClientTerminal, unknownSince, type KnownAlloc } from "../alloc-state.ts";
import { allocName } from "./alloc-names.ts";
import { awayVerdict, isBack } from "./away.ts";
import { STOP_LOST, STOP_NODE_TAINTED, STOP_NOT_NEEDED, STOP_UPDATED, type Placement } from "./decision.ts";
import { groupDiff } from "./group-diff.ts";
import { desiredOf, stop, type GroupStep } from "./group-step.ts";
import { isHalted, isRolling, newDeploymentState, updateLimit } from "./update-limit.ts";

export interface SystemStep extends GroupStep {
  /** Nodes the group may run on, whether it fits there or not. */
  readonly feasible: ReadonlySet<string>;
}

/** What a look at all allocations of the group gave. */
interface Found {
  /** Nodes where the group has what it wants, or must not have more. */
  readonly served: Set<string>;
  /** Run an older version that only new tasks can follow. */
  readonly outdated: KnownAlloc[];
  /** Live, of the newest version. */
  readonly current: KnownAlloc[];
}

/**
 * One allocation of the group on every feasible node; a sysbatch job's run once per version. Returns the state the group
 * wants in a new deployment, undefined where nothing of it changes.
 */
export function reconcileSystemGroup(step: SystemStep): DeploymentState | undefined {
  const { situation, job, group, feasible } = step;
  const found: Found = { served: new Set(), outdated: [], current: [] };
  for (const known of situation.allocs) if (known.alloc.TaskGroup === group.Name) settle(step, known, found);
  const missing = [...feasible].filter((nodeId) => !found.served.has(nodeId));
  const canaries = canariesWanted(step, found);
  const promoted = situation.deployment?.TaskGroups[group.Name]?.Promoted ?? false;
  replaceOutdated(step, found, promoted ? 0 : canaries);
  // Before its promotion a version with canaries comes to no node but theirs.
  if (canaries === 0 || promoted) for (const nodeId of missing) placeOn(step, { nodeId });
  step.decision.totals[group.Name] = totalOf(step, found);
  const changes = found.outdated.length + desiredOf(step).InPlaceUpdate;
  if (!isRolling(job, group) || (changes === 0 && isKnownVersion(step))) return undefined;
  return newDeploymentState(group, canaries, totalOf(step, found));
}

/** Nodes that have, or are to have, an allocation of the newest version. */
function totalOf({ feasible }: SystemStep, { served }: Found): number {
  return feasible.union(served).size;
}

function isKnownVersion({ situation, job, group }: SystemStep): boolean {
  return situation.allocs.some(
    ({ alloc, createIndex }) =>
      alloc.TaskGroup === group.Name && alloc.JobVersion === job.Version && createIndex >= situation.jobCreateIndex,
  );
}

/** `canary` is a percentage of the nodes here, and no more than `max_parallel` at a time; 0: this update has none. */
function canariesWanted({ situation, job, group, feasible }: SystemStep, { outdated }: Found): number {
  const planned = situation.deployment?.TaskGroups[group.Name];
  if (planned !== undefined) return planned.DesiredCanaries;
  const percent = Math.min(100, group.Update?.Canary ?? 0);
  if (!isRolling(job, group) || percent === 0 || outdated.length === 0) return 0;
  return Math.min(Math.ceil((feasible.size * percent) / 100), group.Update?.MaxParallel ?? 1);
}

/** `canaries` above 0: only that many, and they wait for promotion. */
function replaceOutdated(step: SystemStep, { outdated, current }: Found, canaries: number): void {
  const { situation, job, group } = step;
  const limit = updateLimit(situation, job, { group, own: current });
  const there = current.filter(({ alloc }) => alloc.Canary).length;
  const most = canaries > 0 ? Math.min(limit, Math.max(0, canaries - there)) : limit;
  const desired = desiredOf(step);
  for (const [index, known] of outdated.entries()) {
    if (index >= most) {
      desired.Ignore += 1;
      continue;
    }
    desired.DestructiveUpdate += 1;
    if (canaries > 0) desired.Canary += 1;
    placeOn(step, { nodeId: known.alloc.NodeID, previous: known, canary: canaries > 0 });
  }
}

function placeOn(
  step: SystemStep,
  at: { readonly nodeId: string; readonly previous?: KnownAlloc; readonly canary?: boolean },
): void {
  const { situation, group, decision } = step;
  if (at.previous === undefined) {
    if (isHalted(situation) && situation.deployment?.Status === "paused") return;
    desiredOf(step).Place += 1;
  }
  const placement: Placement = {
    name: at.previous?.alloc.Name ?? allocName(situation.jobId, group.Name, 0),
    group,
    olderJob: undefined,
    reason: at.previous === undefined ? "new" : "update",
    canary: at.canary ?? false,
    previous: at.previous,
    stopPrevious: at.previous === undefined ? undefined : STOP_UPDATED,
    nodeId: at.nodeId,
  };
  decision.placements.push(placement);
}

function settle(step: SystemStep, known: KnownAlloc, found: Found): void {
  const { situation, job } = step;
  const { alloc, createIndex } = known;
  if (alloc.DesiredStatus !== "run") return;
  if (isClientTerminal(known)) {
    const done = job.Type === "sysbatch" && clientStatus(known) === "complete";
    if (done && alloc.JobVersion === job.Version && createIndex >= situation.jobCreateIndex) {
      found.served.add(alloc.NodeID);
    }
    return;
  }
  if (situation.fateOf(alloc.NodeID) !== "fine") settleAway(step, known, found);
  else settleLive(step, known, found);
}

function settleAway({ situation, group, decision, ...step }: SystemStep, known: KnownAlloc, found: Found): void {
  found.served.add(known.alloc.NodeID);
  const verdict = awayVerdict(situation, known, group);
  if (verdict.kind !== "away") {
    decision.stops.push({ known, description: STOP_LOST, lost: true });
    return;
  }
  desiredOf({ decision, group, ...step }).Ignore += 1;
  if (verdict.mark) decision.unknown.push(known);
  if (verdict.untilNs !== undefined) decision.later.push({ known, atNs: verdict.untilNs, why: "away" });
}

function settleLive(step: SystemStep, known: KnownAlloc, found: Found): void {
  const { situation, job, group, decision, feasible } = step;
  const { alloc, createIndex } = known;
  const { Migrate, MigrateDisablePlacement } = alloc.DesiredTransition;
  if (Migrate || MigrateDisablePlacement) {
    // A node that is being drained is no feasible node any more: only an alloc stopped by hand comes back.
    stop(step, known, STOP_NODE_TAINTED);
    return;
  }
  if (createIndex < situation.jobCreateIndex || !situation.mayStay(known, group)) {
    stop(step, known, STOP_NOT_NEEDED);
    return;
  }
  found.served.add(alloc.NodeID);
  if (unknownSince(alloc) !== undefined) {
    if (!isBack(known)) return;
    decision.reconnects.push(known);
  }
  if (alloc.JobVersion === job.Version) {
    desiredOf(step).Ignore += 1;
    found.current.push(known);
  } else if (groupDiff(situation.versionOf(known), job, group.Name) !== "destructive") {
    decision.updates.push(known);
    desiredOf(step).InPlaceUpdate += 1;
  } else if (feasible.has(alloc.NodeID)) found.outdated.push(known);
  else desiredOf(step).Ignore += 1;
}
