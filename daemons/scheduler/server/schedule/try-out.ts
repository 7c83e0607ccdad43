import type { Clock } from "#base/env/clock.ts";
import type { ClusterState } from "../cluster-state.ts";
import type { Plan } from "../plan.ts";
import type { ScheduleDeps, ScheduleRequest } from "./request.ts";
import { schedule, scheduleInSlices } from "./schedule.ts";

/** Jobs of more allocations than this are worked out in slices. */
const LARGE_JOB = 1000;

/** Whether it would hold others up to work this job out in one turn. */
export function isLarge(
  state: ClusterState,
  { evaluation, proposed }: Pick<ScheduleRequest, "evaluation" | "proposed">,
  most: number = LARGE_JOB,
): boolean {
  const { Namespace: namespace, JobID: jobId } = evaluation;
  const groups = (proposed ?? state.job(namespace, jobId)?.value)?.TaskGroups ?? [];
  const wanted = groups.reduce((sum, { Count }) => sum + (Count ?? 1), 0);
  return Math.max(wanted, state.countJobAllocs(namespace, jobId)) > most;
}

/**
 * The plan of a job as it would be, which nobody applies. While a large one is worked out its room is held; `freed` is
 * called when it no longer is, for those who found none meanwhile.
 */
export async function tryOut(
  deps: ScheduleDeps,
  request: ScheduleRequest,
  { clock, freed }: { readonly clock: Clock; readonly freed: () => void },
): Promise<Plan> {
  if (!isLarge(deps.state, request)) return schedule(deps, request);
  const { plan, release } = await scheduleInSlices(deps, request, clock);
  await release();
  freed();
  return plan;
}
