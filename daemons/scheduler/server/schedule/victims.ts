import type { Alloc } from "#base/protocol/alloc.ts";
import { DEFAULT_PRIORITY } from "#base/language/jobspec/defaults.ts";
import { isTerminal, type KnownAlloc } from "../alloc-state.ts";
import type { ClusterState } from "../cluster-state.ts";
import { newEvaluation } from "../evaluation.ts";
import { PRIORITY_DISTANCE, type Victim } from "../place/preempt.ts";
import { usageOf } from "../place/usage.ts";
import type { Eviction } from "../plan.ts";
import type { PlaceStep, ScheduleDeps } from "./request.ts";

/** Of a group that says nothing, one at a time may be moved. */
const DEFAULT_MAX_PARALLEL = 1;

/** Whom a job may take the place of, by node. Nobody twice in one plan. */
export function victimsOf(state: ClusterState, { job, draft }: PlaceStep): (nodeId: string) => readonly Victim[] {
  const below = (job.Priority ?? DEFAULT_PRIORITY) - PRIORITY_DISTANCE;
  const evicted = new Set<string>();
  let seen = 0;
  return (nodeId) => {
    for (; seen < draft.creates.length; seen++)
      for (const { alloc } of draft.creates[seen]?.evictions ?? []) evicted.add(alloc.ID);
    return state.nodeAllocs(nodeId).flatMap((known) => {
      const victim = evicted.has(known.alloc.ID) || isTerminal(known) ? undefined : victimOf(state, known);
      return victim !== undefined && victim.priority <= below ? [victim] : [];
    });
  };
}

function victimOf(state: ClusterState, { alloc }: KnownAlloc): Victim | undefined {
  const job = state.jobVersion(alloc.Namespace, alloc.JobID, alloc.JobVersion)?.value;
  if (job === undefined) return undefined;
  const group = job.TaskGroups.find(({ Name }) => Name === alloc.TaskGroup);
  return {
    allocId: alloc.ID,
    priority: job.Priority ?? DEFAULT_PRIORITY,
    usage: usageOf(alloc.AllocatedResources),
    group: `${alloc.Namespace}/${alloc.JobID}/${alloc.TaskGroup}`,
    maxParallel: group?.Migrate?.MaxParallel ?? DEFAULT_MAX_PARALLEL,
  };
}

/** What becomes of the victims, and the evaluations that find them another place. */
export function evictionsOf(
  { state, random }: ScheduleDeps,
  { request, draft }: PlaceStep,
  of: { readonly victims: readonly Victim[]; readonly by: Alloc },
): Eviction[] {
  return of.victims.flatMap(({ allocId, priority }) => {
    const row = state.allocById(allocId);
    if (row === undefined) return [];
    const { Namespace, JobID, JobVersion } = row.value;
    const alloc = draft.evict(state.known(row), of.by.ID);
    const job = state.jobVersion(Namespace, JobID, JobVersion)?.value;
    const evaluation = newEvaluation({
      id: random.uuid(),
      namespace: Namespace,
      jobId: JobID,
      type: job?.Type ?? "service",
      priority,
      trigger: "preemption",
      nowNs: request.nowNs,
    });
    return [{ alloc, evaluation }];
  });
}
