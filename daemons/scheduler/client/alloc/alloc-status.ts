import type { AllocClientStatus, TaskState } from "#base/protocol/alloc.ts";

export interface FoldedStatus {
  readonly status: AllocClientStatus;
  readonly description: string;
}

/** An allocation's status from its tasks'. A failed task decides at once; otherwise one that runs, then one that will. */
export function foldStatus(states: readonly TaskState[]): FoldedStatus {
  if (states.some((state) => state.State === "dead" && state.Failed))
    return { status: "failed", description: "Failed tasks" };
  if (states.some((state) => state.State === "running")) return { status: "running", description: "Tasks are running" };
  if (states.some((state) => state.State === "pending"))
    return { status: "pending", description: "No tasks have started" };
  return { status: "complete", description: "All tasks have completed" };
}
