import { fail, succeed, type Result } from "#base/env/errors.ts";
import type { Job } from "#base/protocol/job.ts";

export interface ScaleRequest {
  /** Only if the stored job is at this JobModifyIndex. */
  readonly checkIndex?: number;
  readonly group: string;
  /** Undefined: the count stays; what is said is kept as an event. */
  readonly count: number | undefined;
  readonly message: string;
  readonly error: boolean;
  readonly meta: Readonly<Record<string, unknown>>;
}

/** The job with the count that is asked for, or why not. `active`: a deployment of the job is under way. */
export function judgeScale(job: Job, request: ScaleRequest, active: boolean): Result<Job> {
  const { count } = request;
  const group = job.TaskGroups.find(({ Name }) => Name === request.group);
  if (group === undefined) return fail("no_group", `task group "${request.group}" does not exist in job`);
  if (count === undefined) return succeed(job);
  if (job.Type === "system" || job.Type === "sysbatch") {
    return fail("not_scalable", `cannot scale jobs of type "${job.Type}": they run once on every node`);
  }
  if (job.Stop) return fail("not_scalable", `cannot scale job "${job.ID}": it is stopped`);
  // Autoscalers compare this text as it is.
  if (active) return fail("deploying", "job scaling blocked due to active deployment");
  const { Scaling } = group;
  if (Scaling !== null && Scaling.Min !== null && count < Scaling.Min) {
    return fail("bad_count", `group count was less than scaling policy minimum: ${count} < ${Scaling.Min}`);
  }
  if (Scaling !== null && Scaling.Max !== null && count > Scaling.Max) {
    return fail("bad_count", `group count was greater than scaling policy maximum: ${count} > ${Scaling.Max}`);
  }
  return succeed({
    ...job,
    TaskGroups: job.TaskGroups.map((each) => (each === group ? { ...each, Count: count } : each)),
  });
}
