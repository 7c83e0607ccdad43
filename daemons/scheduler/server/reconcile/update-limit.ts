import type { DeploymentState } from "#base/protocol/deployment.ts";
import type { Job, TaskGroup } from "#base/protocol/job.ts";
import type { KnownAlloc } from "../alloc-state.ts";
import { healthOf } from "../health.ts";
import type { Situation } from "./situation.ts";

/** Updates of this group go step by step, watched by a deployment. Batch work has no health to watch. */
export function isRolling(job: Job, group: TaskGroup): boolean {
  const stays = job.Type === "service" || job.Type === "system";
  return stays && group.Update !== null && (group.Update.MaxParallel ?? 0) > 0;
}

/** How many allocations may be replaced by ones of the new version now: what is not known to be healthy yet counts. */
export function updateLimit(
  situation: Situation,
  job: Job,
  at: { readonly group: TaskGroup; readonly own: readonly KnownAlloc[] },
): number {
  if (!isRolling(job, at.group)) return Number.POSITIVE_INFINITY;
  const most = at.group.Update?.MaxParallel ?? 1;
  const { deployment } = situation;
  if (deployment === undefined) return most;
  if (isHalted(situation)) return 0;
  const unproven = at.own.filter(
    (known) =>
      known.alloc.DeploymentID === deployment.ID && (healthOf(known).Healthy !== true || hasFailed(known.report)),
  );
  return Math.max(0, most - unproven.length);
}

function hasFailed(report: KnownAlloc["report"]): boolean {
  return report?.ClientStatus === "failed" || report?.ClientStatus === "lost";
}

/** A failed or paused deployment starts nothing new. */
export function isHalted({ deployment }: Situation): boolean {
  return deployment?.Status === "failed" || deployment?.Status === "paused";
}

export function newDeploymentState(
  group: TaskGroup,
  canaries: number,
  total: number = group.Count ?? 1,
): DeploymentState {
  return {
    PlacedCanaries: [],
    AutoRevert: group.Update?.AutoRevert ?? false,
    AutoPromote: group.Update?.AutoPromote ?? false,
    ProgressDeadline: group.Update?.ProgressDeadline ?? 0,
    RequireProgressBy: "",
    Promoted: false,
    DesiredCanaries: canaries,
    DesiredTotal: total,
    PlacedAllocs: 0,
    HealthyAllocs: 0,
    UnhealthyAllocs: 0,
  };
}
