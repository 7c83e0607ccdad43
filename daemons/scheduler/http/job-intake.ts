import { HttpError } from "#base/http/http-error.ts";
import type { Failure } from "#base/env/errors.ts";
import { validateJob, type JobLimits } from "#base/language/jobspec/validate/validate-job.ts";
import { canonicalize } from "#base/language/jobspec/canonicalize.ts";
import type { Job } from "#base/protocol/job.ts";
import { jobs } from "#base/state/tables.ts";
import { transitionProblem } from "../server/job-transition.ts";
import type { NomadHttpDeps } from "./nomad-deps.ts";
import { tenancyProblems, withPool } from "../server/tenancy/job-tenancy.ts";

export interface Intake {
  readonly job: Job;
  readonly warnings: readonly string[];
}

/** A job as a client sent it → complete and valid, or a 400 that lists what is wrong. */
export function takeJob({ server, agent }: NomadHttpDeps, sent: Job | null, namespace: string): Intake {
  const { view } = server.context.state;
  if (sent === null) throw new HttpError(400, "Job must be specified");
  if (sent.ID.trim() === "") throw new HttpError(400, "Job ID hasn't been provided");
  const explicit = namespace === "" || namespace === "*" ? "" : namespace;
  if (explicit !== "" && sent.Namespace !== "" && sent.Namespace !== explicit) {
    throw new HttpError(400, `Job namespace "${sent.Namespace}" does not match the request's "${explicit}"`);
  }
  const Namespace = sent.Namespace === "" ? explicit : sent.Namespace;
  const pooled = withPool(view, sent, Namespace === "" ? "default" : Namespace);
  const job = canonicalize({ ...pooled, Namespace }, agent.jobs);
  const { errors, warnings } = checkJob(job, agent.jobs);
  if (errors.length > 0) throw new HttpError(400, errorList(errors));
  const before = view.table(jobs).get(job.Namespace, job.ID)?.value;
  const blocked = before === undefined ? undefined : transitionProblem(before, job);
  if (blocked !== undefined) throw new HttpError(400, `${blocked} (purge it first, or choose another ID)`);
  const [refused] = tenancyProblems(view, job);
  if (refused !== undefined) throw new HttpError(400, refused);
  return { job, warnings };
}

export interface JobCheck {
  readonly errors: readonly string[];
  readonly warnings: readonly string[];
}

/** What is wrong with a canonical job, and what is only odd. */
export function checkJob(job: Job, limits?: JobLimits): JobCheck {
  const { errors, warnings } = validateJob(job, limits);
  return { errors: errors.map(findingText), warnings: warnings.map(findingText) };
}

function findingText({ message, hint }: Failure): string {
  return hint === undefined ? message : `${message} (${hint})`;
}

export function errorList(errors: readonly string[]): string {
  const head = errors.length === 1 ? "1 error occurred:" : `${errors.length} errors occurred:`;
  return [head, ...errors.map((error) => `\t* ${error}`), ""].join("\n");
}

/** Empty when there are none. */
export function warningList(warnings: readonly string[]): string {
  if (warnings.length === 0) return "";
  const head = warnings.length === 1 ? "1 warning:" : `${warnings.length} warnings:`;
  return [head, "", ...warnings.map((warning) => `* ${warning}`)].join("\n");
}
