import type { Job } from "#base/protocol/job.ts";

/** Whether two records of a job say the same; what the servers fill in themselves does not count. */
export function sameSpecification(a: Job, b: Job): boolean {
  return specificationText(a) === specificationText(b);
}

function specificationText(job: Job): string {
  return stableText({ ...job, Version: 0, Stable: false, SubmitTime: 0, VersionTag: null });
}

/** JSON with sorted keys: maps that clients send in another order are the same. */
function stableText(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) =>
    typeof part === "object" && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}
