import type { TaskGroup } from "#base/protocol/job.ts";
import type { Situation } from "./situation.ts";

/** A deployment that is not over. */
export function isActive(status: string): boolean {
  return ["initializing", "running", "paused", "pending", "blocked", "unblocking"].includes(status);
}

/** Canaries run, and nobody has promoted them yet: but for them nothing of the new version may run. */
export function isCanarying({
  situation,
  group,
}: {
  readonly situation: Situation;
  readonly group: TaskGroup;
}): boolean {
  const { deployment } = situation;
  const state = deployment?.TaskGroups[group.Name];
  if (deployment === undefined || state === undefined || !isActive(deployment.Status)) return false;
  return state.DesiredCanaries > 0 && !state.Promoted;
}
