import { MAX_TASKS, type Job } from "#base/protocol/job.ts";
import type { Report } from "./report.ts";

/** Lists and objects inside each other, in what drivers and autoscalers read. */
export const MAX_DEPTH = 64;
/** As JSON: a row of the store may be a little larger. */
export const MAX_STORED_BYTES = 1_300_000;

/** False: the job is too large to be looked at more closely. */
export function checkSize(job: Job, report: Report): boolean {
  const tasks = job.TaskGroups.reduce((sum, group) => sum + group.Tasks.length, 0);
  if (tasks > MAX_TASKS) {
    report.error(`the job has ${tasks} tasks; at most ${MAX_TASKS} are possible`, "make several jobs of it");
    return false;
  }
  if (freeParts(job).some((part) => deepestOf(part) > MAX_DEPTH)) {
    report.error(`lists and objects are nested more than ${MAX_DEPTH} deep`, "a driver's config needs fewer");
    return false;
  }
  const bytes = JSON.stringify(job).length;
  if (bytes <= MAX_STORED_BYTES) return true;
  report.error(
    `the job has ${bytes} characters as JSON; at most ${MAX_STORED_BYTES} can be kept`,
    "large templates can be artifacts",
  );
  return false;
}

/** What may be of any shape; the schema bounds all else. */
function freeParts(job: Job): readonly object[] {
  const parts: (object | null)[] = [job.Multiregion];
  for (const group of job.TaskGroups) {
    parts.push(group.Scaling?.Policy ?? null);
    for (const service of group.Services) parts.push(service.Connect);
    for (const task of group.Tasks) {
      parts.push(task.Config);
      for (const policy of task.ScalingPolicies) parts.push(policy.Policy);
      for (const service of task.Services) parts.push(service.Connect);
      for (const secret of task.Secrets) parts.push(secret.Config);
    }
  }
  return parts.filter((part) => part !== null);
}

/** Without recursion: the depth is what is in doubt. Stops soon after the limit. */
function deepestOf(root: object): number {
  let level: object[] = [root];
  for (let depth = 1; ; depth++) {
    const inner = level.flatMap((value) => Object.values<unknown>({ ...value }).filter((item) => isNested(item)));
    if (inner.length === 0 || depth > MAX_DEPTH) return depth;
    level = inner;
  }
}

function isNested(item: unknown): item is object {
  return typeof item === "object" && item !== null;
}
