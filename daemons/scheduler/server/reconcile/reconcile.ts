import type { DeploymentState } from "#base/protocol/deployment.ts";
import type { TaskGroup } from "#base/protocol/job.ts";
import { isClientTerminal } from "../alloc-state.ts";
import { atOnce, STRIDE, type Steps } from "../schedule/steps.ts";
import { emptyDecision, noUpdates, STOP_LOST, STOP_NOT_NEEDED, type Decision } from "./decision.ts";
import { reconcileGroup } from "./group.ts";
import type { Situation } from "./situation.ts";
import { reconcileSystemGroup } from "./system.ts";

/**
 * What has to change so that a job's allocations become what its specification says. A pure function: no clock, no
 * nodes' capacity, no writing. `feasible` is asked for system jobs only: the nodes a group may run on.
 */
export function reconcile(situation: Situation, feasible: (group: TaskGroup) => readonly string[]): Decision {
  return atOnce(reconcileSteps(situation, feasible));
}

/** The same, to be interrupted where it yields. */
export function* reconcileSteps(
  situation: Situation,
  feasible: (group: TaskGroup) => readonly string[],
): Steps<Decision> {
  const { job } = situation;
  const decision = emptyDecision();
  const wanted = job === undefined || job.Stop ? [] : job.TaskGroups;
  yield* stopOthers(situation, decision, new Set(wanted.map((group) => group.Name)));
  if (job === undefined || job.Stop) return decision;
  const everywhere = job.Type === "system" || job.Type === "sysbatch";
  const states: Record<string, DeploymentState> = {};
  for (const group of wanted) {
    const step = { situation, job, group, decision };
    const state = everywhere
      ? reconcileSystemGroup({ ...step, feasible: new Set(feasible(group)) })
      : yield* reconcileGroup(step);
    if (state !== undefined) states[group.Name] = state;
  }
  if (situation.deployment === undefined && Object.keys(states).length > 0) decision.deployment = states;
  return decision;
}

/** Groups that are not part of the job, or all of them once it is stopped. */
function* stopOthers(situation: Situation, decision: Decision, kept: ReadonlySet<string>): Steps<void> {
  for (const [at, known] of situation.allocs.entries()) {
    if (at % STRIDE === 0) yield;
    const { alloc } = known;
    if (kept.has(alloc.TaskGroup) || alloc.DesiredStatus !== "run" || isClientTerminal(known)) continue;
    const fate = situation.fateOf(alloc.NodeID);
    const lost = fate === "down" || fate === "gone";
    decision.stops.push({ known, description: lost ? STOP_LOST : STOP_NOT_NEEDED, lost });
    const desired = (decision.desired[alloc.TaskGroup] ??= noUpdates());
    desired.Stop += 1;
  }
}
