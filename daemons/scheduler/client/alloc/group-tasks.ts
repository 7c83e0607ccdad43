import { fail } from "#base/env/errors.ts";
import type { TaskGroup } from "#base/protocol/job.ts";
import type { Task } from "#base/protocol/task.ts";
import type { ClientAlloc } from "../../link.ts";

const DEFAULT_KILL_TIMEOUT_NS = 5e9;

export function groupOf({ alloc, job }: ClientAlloc): TaskGroup | undefined {
  return job.TaskGroups.find((group) => group.Name === alloc.TaskGroup);
}

export function isMain(task: Task): boolean {
  return (task.Lifecycle?.Hook ?? "") === "";
}

/** Main tasks of service jobs, and sidecars, are meant to run for ever. */
export function restartsOnSuccess(task: Task, jobType: string): boolean {
  const { Lifecycle: lifecycle } = task;
  if (lifecycle !== null && lifecycle.Hook !== "") return lifecycle.Sidecar;
  return jobType === "service" || jobType === "system";
}

export function killTimeoutMs(task: Task, longestMs: number): number {
  return Math.min((task.KillTimeout ?? DEFAULT_KILL_TIMEOUT_NS) / 1e6, longestMs);
}

export function unknownTask(tasks: ReadonlyMap<string, unknown>, name: string): ReturnType<typeof fail> {
  return fail(
    "NO_TASK",
    `no task ${JSON.stringify(name)} in this allocation`,
    `its tasks: ${[...tasks.keys()].join(", ")}`,
  );
}
