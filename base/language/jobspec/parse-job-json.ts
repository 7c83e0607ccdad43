import * as v from "valibot";
import { messageOf, type Failure } from "#base/env/errors.ts";
import { JobSchema, type Job } from "#base/protocol/job.ts";

export type JobFromJson =
  | { readonly ok: true; readonly job: Job }
  | { readonly ok: false; readonly errors: readonly Failure[] };

/** More problems than this help nobody. */
const MAX_PROBLEMS = 10;

/** A job as the API carries it: `{"Job": {…}}` or the job itself. Unknown fields are dropped, as the API's users expect. */
export function parseJobJson(text: string): JobFromJson {
  try {
    const json: unknown = JSON.parse(text);
    return readJob(json);
  } catch (thrown) {
    return { ok: false, errors: [{ code: "json_syntax", message: `this is no JSON: ${messageOf(thrown)}` }] };
  }
}

function readJob(json: unknown): JobFromJson {
  if (typeof json !== "object" || json === null || Array.isArray(json)) {
    return {
      ok: false,
      errors: [
        { code: "job_shape", message: "expected a job as an object", hint: 'for example {"Job": {"ID": "web", …}}' },
      ],
    };
  }
  const inner: unknown = "Job" in json && !("ID" in json) ? json.Job : json;
  const parsed = v.safeParse(JobSchema, inner);
  if (parsed.success) return { ok: true, job: parsed.output };
  return {
    ok: false,
    errors: parsed.issues.slice(0, MAX_PROBLEMS).map((issue) => ({
      code: "job_shape",
      message: `${v.getDotPath(issue) ?? "Job"}: expected ${issue.expected ?? "another value"}, found ${issue.received}`,
    })),
  };
}
