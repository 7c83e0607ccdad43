import type { Job } from "#base/protocol/job.ts";
import { parseCron } from "../../cron.ts";
import { didYouMean } from "../../nearest.ts";
import { isJobType, JOB_TYPES } from "../job-type.ts";
import { checkAffinities, checkConstraints, checkSpreads } from "./constraints.ts";
import { checkSize } from "./size.ts";
import { checkGroup } from "./group.ts";
import {
  checkKeys,
  checkName,
  checkText,
  createReport,
  oneOf,
  unique,
  type Findings,
  type JobFinding,
  type Report,
} from "./report.ts";

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

/** What a schedule of any year is tried from: 2001. */
const ANY_TIME_MS = 978_307_200_000;
const MAX_SCHEDULES = 50;
/** Searching one takes a millisecond. */
const MAX_EMPTY_SCHEDULES = 5;
const MAX_ID = 512;
const NODE_POOL = /^[a-zA-Z0-9_-]{1,128}$/;
/** Nomad's `job_max_count`. */
export const MAX_COUNT = 50_000;
const MAX_PRIORITY = 100;
const NAMESPACE = /^[a-zA-Z0-9-]{1,128}$/;

/** What is wrong with a job whose defaults are filled in (`canonicalize`). */
export function validateJob(job: Job, limits: JobLimits = {}): JobVerdict {
  const findings: Findings = { errors: [], warnings: [] };
  const report = createReport(findings);
  if (!checkSize(job, report)) return findings;
  checkIdentity(job, limits.maxPriority ?? MAX_PRIORITY, report);
  checkConstraints(job.Constraints, report);
  checkAffinities(job.Affinities, report);
  checkSpreads(job.Spreads, report);
  if ((job.Type === "system" || job.Type === "sysbatch") && job.Affinities.length > 0) {
    report.error(`${job.Type} jobs run on every node and know no affinity`);
  }
  checkPeriodic(job, report);
  checkParameterized(job, report);
  if (job.Multiregion !== null)
    report
      .at("multiregion")
      .error("jobs over several regions are not available", "one cluster is one region: register the job in each");
  checkTotals(job, limits.maxCount ?? MAX_COUNT, report);
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
  checkText(job.ID, "the job ID", report);
  if (job.ID.length > MAX_ID)
    report.error(`the job ID has ${job.ID.length} characters; at most ${MAX_ID} are possible`);
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
  checkKeys(job.Meta, "meta", report);
  for (const name of job.Datacenters) checkText(name, "a datacenter", report);
  if (!NODE_POOL.test(job.NodePool))
    report.error(`the node pool ${JSON.stringify(job.NodePool)} is not valid`, "letters, digits, - and _, at most 128");
  checkText(job.Region, "the region", report);
  if (job.UI !== null) checkLinks(job.UI, report.at("ui"));
}

const MAX_DESCRIPTION = 1000;

function checkLinks(ui: NonNullable<Job["UI"]>, report: Report): void {
  if (ui.Description.length > MAX_DESCRIPTION)
    report.error(`the description has ${ui.Description.length} characters; at most ${MAX_DESCRIPTION} are possible`);
  for (const { Label, Url } of ui.Links) {
    if (Label === "") report.error("a link has no label");
    if (!URL.canParse(Url) || !/^https?:/i.test(Url))
      report.error(`the link ${JSON.stringify(Url)} is no http or https address`);
  }
}

/** The limit holds for all groups together. */
function checkTotals(job: Job, maxCount: number, report: Report): void {
  const total = job.TaskGroups.reduce((sum, group) => sum + Math.max(0, group.Count ?? 1), 0);
  // One group over it says so itself.
  if (total <= maxCount || job.TaskGroups.some((group) => (group.Count ?? 1) > maxCount)) return;
  report.error(
    `the counts of all groups add up to ${total}, more than the limit of ${maxCount}`,
    "the limit is job_max_count in the servers' configuration",
  );
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
  if (all.length > MAX_SCHEDULES) return inner.error(`${all.length} schedules; at most ${MAX_SCHEDULES} are possible`);
  let empty = 0;
  for (const expression of all) {
    if (empty >= MAX_EMPTY_SCHEDULES) return;
    const schedule = parseCron(expression, zone === "" ? "UTC" : zone);
    if (!schedule.ok) inner.error(schedule.error.message, schedule.error.hint);
    else if (schedule.value.next(ANY_TIME_MS) === undefined) {
      inner.error(`the schedule ${JSON.stringify(expression)} never comes`, "no date has these fields");
      empty += 1;
    }
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
