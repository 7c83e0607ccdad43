import type { Job } from "#base/protocol/job.ts";
import { parseCron } from "../../cron.ts";
import { didYouMean } from "../../nearest.ts";
import { isJobType, JOB_TYPES } from "../job-type.ts";
import { checkAffinities, checkConstraints, checkSpreads } from "./constraints.ts";
import { checkGroup } from "./group.ts";
import { checkName, createReport, oneOf, unique, type Findings, type JobFinding, type Report } from "./report.ts";

export interface JobVerdict {
  /** Empty: the job can be registered. */
  readonly errors: readonly JobFinding[];
  /** Worth saying, but no obstacle. */
  readonly warnings: readonly JobFinding[];
}

export interface JobLimits {
  readonly maxCount?: number;
  readonly maxPriority?: number;
}

const MAX_COUNT = 50_000;
const MAX_PRIORITY = 100;
const NAMESPACE = /^[a-zA-Z0-9-]{1,128}$/;

/** What is wrong with a job whose defaults are filled in (`canonicalize`). */
export function validateJob(job: Job, limits: JobLimits = {}): JobVerdict {
  const findings: Findings = { errors: [], warnings: [] };
  const report = createReport(findings);
  checkIdentity(job, limits.maxPriority ?? MAX_PRIORITY, report);
  checkConstraints(job.Constraints, report);
  checkAffinities(job.Affinities, report);
  checkSpreads(job.Spreads, report);
  if ((job.Type === "system" || job.Type === "sysbatch") && job.Affinities.length > 0) {
    report.error(`${job.Type} jobs run on every node and know no affinity`);
  }
  checkPeriodic(job, report);
  checkParameterized(job, report);
  if (job.TaskGroups.length === 0)
    report.error("missing task groups", 'a job has at least one: group "name" { task "name" { … } }');
  unique(
    job.TaskGroups.map((group) => group.Name),
    "the group",
    report,
  );
  for (const group of job.TaskGroups) checkGroup(group, { job, maxCount: limits.maxCount ?? MAX_COUNT, report });
  return findings;
}

function checkIdentity(job: Job, maxPriority: number, report: Report): void {
  if (job.ID === "") report.error("missing job ID");
  if (/\s/.test(job.ID)) report.error(`the job ID ${JSON.stringify(job.ID)} holds white space`, "use - instead");
  checkName(job.Name, "the job", report);
  if (/\p{Cc}/u.test(job.ID)) report.error(`the job ID ${JSON.stringify(job.ID)} holds control characters`);
  if (!isJobType(job.Type)) {
    report.error(
      `the job type ${JSON.stringify(job.Type)} is not known`,
      didYouMean(job.Type, JOB_TYPES) ?? `expected ${JOB_TYPES.join(", ")}`,
    );
  }
  const priority = job.Priority ?? 0;
  if (priority < 1 || priority > maxPriority) report.error(`the priority is ${priority}, expected 1 to ${maxPriority}`);
  if (job.Datacenters.length === 0 || job.Datacenters.includes("")) {
    report.error("missing job datacenters", 'for example: datacenters = ["*"]');
  }
  if (!NAMESPACE.test(job.Namespace))
    report.error(`the namespace ${JSON.stringify(job.Namespace)} is not valid`, "letters, digits and -, at most 128");
  for (const key of Object.keys(job.Meta)) if (key === "") report.error("meta: a key is empty");
}

function checkPeriodic(job: Job, report: Report): void {
  const periodic = job.Periodic;
  if (periodic === null) return;
  const inner = report.at("periodic");
  if (job.Type !== "batch" && job.Type !== "sysbatch")
    inner.error(`a ${job.Type} job cannot be periodic`, 'set type = "batch" or "sysbatch"');
  const { Spec: single, Specs: several, SpecType: kind, TimeZone: zone } = periodic;
  if (kind !== "cron") return oneOf(kind, ["cron"], { what: "the kind of schedule", report: inner });
  if (single !== "" && several.length > 0) inner.error("cron and crons are both set", "choose one of them");
  const all = single === "" ? several : [single, ...several];
  if (all.length === 0) inner.error("the schedule is missing", 'for example: crons = ["0 3 * * *"]');
  for (const expression of all) {
    const schedule = parseCron(expression, zone === "" ? "UTC" : zone);
    if (!schedule.ok) inner.error(schedule.error.message, schedule.error.hint);
  }
}

function checkParameterized(job: Job, report: Report): void {
  const parameterized = job.ParameterizedJob;
  if (parameterized === null) return;
  const inner = report.at("parameterized");
  if (job.Type !== "batch" && job.Type !== "sysbatch")
    inner.error(`a ${job.Type} job cannot be parameterized`, 'set type = "batch" or "sysbatch"');
  oneOf(parameterized.Payload, ["optional", "required", "forbidden"], { what: "payload", report: inner });
  unique([...parameterized.MetaRequired, ...parameterized.MetaOptional], "the meta key", inner);
}
