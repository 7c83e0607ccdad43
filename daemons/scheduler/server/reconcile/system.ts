import type { Job, TaskGroup } from "#base/protocol/job.ts";
import { clientStatus, isClientTerminal, type KnownAlloc } from "../alloc-state.ts";
import { allocName } from "./alloc-names.ts";
import { noUpdates, STOP_LOST, STOP_NODE_TAINTED, STOP_NOT_NEEDED, STOP_UPDATED, type Decision } from "./decision.ts";
import { groupDiff } from "./group-diff.ts";
import type { Situation } from "./situation.ts";

export interface SystemStep {
  readonly situation: Situation;
  readonly job: Job;
  readonly group: TaskGroup;
  readonly decision: Decision;
  /** Nodes the group may run on, whether it fits there or not. */
  readonly feasible: readonly string[];
}

/** One allocation of the group on every feasible node; a sysbatch job's run once per version. */
export function reconcileSystemGroup(step: SystemStep): void {
  const { situation, group, decision, feasible } = step;
  const desired = noUpdates();
  decision.desired[group.Name] = desired;
  const wanted = new Set(feasible);
  for (const known of situation.allocs) {
    if (known.alloc.TaskGroup !== group.Name) continue;
    if (settleSystemAlloc(step, known)) wanted.delete(known.alloc.NodeID);
  }
  for (const nodeId of wanted) {
    desired.Place += 1;
    decision.placements.push({
      name: allocName(situation.jobId, group.Name, 0),
      group,
      reason: "new",
      canary: false,
      previous: undefined,
      stopPrevious: undefined,
      nodeId,
    });
  }
}

/** True when the alloc's node needs no new allocation. */
function settleSystemAlloc(step: SystemStep, known: KnownAlloc): boolean {
  const { situation, job, group, decision, feasible } = step;
  const { alloc, createIndex } = known;
  const desired = decision.desired[group.Name] ?? noUpdates();
  if (alloc.DesiredStatus !== "run") return false;
  if (isClientTerminal(known)) {
    const done = job.Type === "sysbatch" && clientStatus(known) === "complete";
    return done && alloc.JobVersion === job.Version && createIndex >= situation.jobCreateIndex;
  }
  if (situation.fateOf(alloc.NodeID) === "down") {
    decision.stops.push({ known, description: STOP_LOST, lost: true });
    return true;
  }
  if (alloc.DesiredTransition.Migrate) {
    // A node that is being drained is no feasible node any more: only an alloc stopped by hand comes back.
    decision.stops.push({ known, description: STOP_NODE_TAINTED, lost: false });
    desired.Stop += 1;
    return false;
  }
  if (createIndex < situation.jobCreateIndex || !situation.mayStay(known, group)) {
    decision.stops.push({ known, description: STOP_NOT_NEEDED, lost: false });
    desired.Stop += 1;
    return false;
  }
  if (alloc.JobVersion === job.Version) desired.Ignore += 1;
  else if (groupDiff(situation.versionOf(known), job, group.Name) !== "destructive") {
    decision.updates.push(known);
    desired.InPlaceUpdate += 1;
  } else if (feasible.includes(alloc.NodeID)) {
    desired.DestructiveUpdate += 1;
    decision.placements.push({
      name: alloc.Name,
      group,
      reason: "update",
      canary: false,
      previous: known,
      stopPrevious: STOP_UPDATED,
      nodeId: alloc.NodeID,
    });
  } else desired.Ignore += 1;
  return true;
}
