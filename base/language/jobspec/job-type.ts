import type { JobType } from "#base/protocol/job.ts";

export const JOB_TYPES: readonly JobType[] = ["service", "batch", "system", "sysbatch"];

export function isJobType(type: string): type is JobType {
  return type === "service" || type === "batch" || type === "system" || type === "sysbatch";
}
