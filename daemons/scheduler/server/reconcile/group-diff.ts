import type { Job, TaskGroup } from "#base/protocol/job.ts";
import type { Task } from "#base/protocol/task.ts";

/** `in-place`: the running tasks need not know. `destructive`: only new tasks can follow the change. */
export type UpdateKind = "same" | "in-place" | "destructive";

/** How a group of one version differs from the same group of another, seen from its running tasks. */
export function groupDiff(before: Job | undefined, after: Job, groupName: string): UpdateKind {
  const old = before?.TaskGroups.find((group) => group.Name === groupName);
  const now = after.TaskGroups.find((group) => group.Name === groupName);
  if (before === undefined || old === undefined || now === undefined) return "destructive";
  if (runtimeText(before, old) !== runtimeText(after, now)) return "destructive";
  return JSON.stringify(old) === JSON.stringify(now) ? "same" : "in-place";
}

/** Everything that is fixed when a task starts. */
function runtimeText(job: Job, group: TaskGroup): string {
  return JSON.stringify([
    job.Meta,
    group.Meta,
    group.Networks,
    group.EphemeralDisk,
    group.Volumes,
    group.Consul,
    group.Tasks.map(runtimeParts),
  ]);
}

/** The same for one task, in a group whose own blocks stay. */
export function taskUpdateKind(before: Task, after: Task): UpdateKind {
  if (JSON.stringify(runtimeParts(before)) !== JSON.stringify(runtimeParts(after))) return "destructive";
  return JSON.stringify(before) === JSON.stringify(after) ? "same" : "in-place";
}

function runtimeParts(task: Task): readonly unknown[] {
  return [
    task.Name,
    task.Driver,
    task.User,
    task.Config,
    task.Env,
    task.Meta,
    task.Resources,
    task.Lifecycle,
    task.Artifacts,
    task.Templates,
    task.VolumeMounts,
    task.DispatchPayload,
    task.LogConfig,
    task.Leader,
    task.Vault,
    task.Consul,
    task.Identity,
    task.Identities,
    task.Secrets,
  ];
}
