import type { AllocStub, DeploymentAnswer, EvalAnswer, JobAnswer, JobSummary } from "#base/client/nomad-answers.ts";
import { foundOf, valueOf } from "../api/answer.ts";
import { withNomad, type NomadSession } from "../api/session.ts";
import { columns, properties } from "../print/columns.ts";
import { ago, localTime, shortId, span } from "../print/time.ts";
import { findJob } from "./find-job.ts";
import { jobRows, statusOf } from "./job-rows.ts";
import { placementHint, placementReasons } from "./placement.ts";
import { printed } from "../print/show.ts";

/** All jobs, or everything about one. */
export const status = withNomad((session) =>
  session.operands.length === 0 ? listJobs(session) : showJob(session, session.operands[0]),
);

export async function listJobs({ nomad, output, flags, namespace }: NomadSession): Promise<number> {
  const jobs = valueOf(await nomad.jobs.list({ namespace }));
  if (!(await printed({ flags, output }, jobs)))
    if (jobs.length === 0) output.line("No running jobs");
    else for (const line of jobRows(jobs, { namespaces: namespace === "*" })) output.line(line);
  return 0;
}

interface JobFacts {
  readonly job: JobAnswer;
  readonly summary: JobSummary | undefined;
  readonly evals: readonly EvalAnswer[];
  readonly allocs: readonly AllocStub[];
  readonly deployment: DeploymentAnswer | null | undefined;
}

async function showJob(session: NomadSession, operand: string | undefined): Promise<number> {
  const { nomad, output, flags, env } = session;
  const { id, namespace } = await findJob(session, operand);
  const [job, summary, evals, allocs, deployment] = await Promise.all([
    nomad.jobs.read(id, { namespace }),
    nomad.jobs.summary(id, { namespace }),
    nomad.jobs.evaluations(id, { namespace }),
    nomad.jobs.allocations(id, { namespace, all: flags.on("all-allocs") }),
    nomad.jobs.deployment(id, { namespace }),
  ]);
  const facts = {
    job: valueOf(job),
    summary: foundOf(summary),
    evals: foundOf(evals) ?? [],
    allocs: foundOf(allocs) ?? [],
    deployment: foundOf(deployment),
  };
  if (await printed({ flags, output }, facts)) return 0;
  const lines = [
    ...jobProperties(facts.job),
    ...(flags.on("short") ? [] : [...summaryLines(facts), ...(flags.on("evals") ? evalLines(facts.evals) : [])]),
    ...(flags.on("short")
      ? []
      : [...placementLines(facts), ...deploymentLines(facts.deployment), ...allocLines(facts, env.clock.nowMs())]),
  ];
  for (const line of lines) output.line(line);
  return 0;
}

function jobProperties(job: JobAnswer): string[] {
  return properties([
    ["ID", job.ID],
    ["Name", job.Name],
    ["Submit Date", localTime(job.SubmitTime)],
    ["Type", job.Type],
    ["Priority", String(job.Priority ?? 50)],
    ["Datacenters", job.Datacenters.join(",")],
    ["Namespace", job.Namespace],
    ["Node Pool", job.NodePool],
    ["Status", statusOf(job)],
    ["Periodic", String(job.Periodic !== null)],
    ["Parameterized", String(job.ParameterizedJob !== null)],
  ]);
}

function summaryLines({ summary }: JobFacts): string[] {
  if (summary === undefined) return [];
  const heading = ["Task Group", "Queued", "Starting", "Running", "Failed", "Complete", "Lost", "Unknown"];
  const rows = Object.entries(summary.Summary)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, { Queued, Starting, Running, Failed, Complete, Lost, Unknown }]) => [
      name,
      ...[Queued, Starting, Running, Failed, Complete, Lost, Unknown].map(String),
    ]);
  return ["", "Summary", ...columns(heading, rows)];
}

function evalLines(evals: readonly EvalAnswer[]): string[] {
  const rows = evals.map((evaluation) => [
    shortId(evaluation.ID),
    String(evaluation.Priority),
    evaluation.TriggeredBy,
    evaluation.Status,
    Object.keys(evaluation.FailedTGAllocs).length > 0 ? "true" : "false",
  ]);
  return ["", "Evaluations", ...columns(["ID", "Priority", "Triggered By", "Status", "Placement Failures"], rows)];
}

/** What waits for a place, from the newest evaluation that says so. */
function placementLines({ evals, summary }: JobFacts): string[] {
  const blocked = evals.filter((one) => one.Status === "blocked").toSorted((a, b) => b.CreateIndex - a.CreateIndex)[0];
  const failures = Object.entries(blocked?.FailedTGAllocs ?? {});
  if (failures.length === 0) return [];
  return [
    "",
    "Placement Failure",
    ...failures.flatMap(([group, metric]) => {
      const counts = summary?.Summary[group];
      const placed =
        counts === undefined
          ? ""
          : `${counts.Running + counts.Starting} of ${counts.Running + counts.Starting + counts.Queued} placed; `;
      return [
        `Task Group "${group}":`,
        ...placementReasons(metric).map((reason) => `  * ${reason}`),
        `  ${placed}${placementHint(metric)}`,
      ];
    }),
  ];
}

export function deploymentLines(
  deployment: DeploymentAnswer | null | undefined,
  { withJob }: { readonly withJob: boolean } = { withJob: false },
): string[] {
  if (deployment === null || deployment === undefined) return [];
  const rows = Object.entries(deployment.TaskGroups).map(([name, group]) => [
    name,
    ...(group.DesiredCanaries > 0
      ? [String(group.Promoted), String(group.DesiredTotal), String(group.DesiredCanaries)]
      : ["", String(group.DesiredTotal), ""]),
    String(group.PlacedAllocs),
    String(group.HealthyAllocs),
    String(group.UnhealthyAllocs),
    group.RequireProgressBy.startsWith("0001-") ? "N/A" : group.RequireProgressBy,
  ]);
  const hasCanaries = Object.values(deployment.TaskGroups).some(({ DesiredCanaries }) => DesiredCanaries > 0);
  const heading = [
    "Task Group",
    "Promoted",
    "Desired",
    "Canaries",
    "Placed",
    "Healthy",
    "Unhealthy",
    "Progress Deadline",
  ];
  const shown = (row: readonly string[]): string[] => row.filter((_, at) => hasCanaries || (at !== 1 && at !== 3));
  return [
    "",
    "Latest Deployment",
    ...properties([
      ["ID", shortId(deployment.ID)],
      ...(withJob
        ? [["Job ID", deployment.JobID] as const, ["Job Version", String(deployment.JobVersion)] as const]
        : []),
      ["Status", deployment.Status],
      ["Description", deployment.StatusDescription],
    ]),
    "",
    "Deployed",
    ...columns(shown(heading), rows.map(shown)),
  ];
}

function allocLines({ allocs, job }: JobFacts, nowMs: number): string[] {
  if (allocs.length === 0) return ["", "Allocations", "No allocations placed"];
  const newest = allocs.toSorted((a, b) => b.CreateIndex - a.CreateIndex);
  const late = newest.filter(
    (alloc) => alloc.DesiredStatus === "run" && alloc.FollowupEvalID !== "" && alloc.ClientStatus === "failed",
  );
  const rows = newest.map((alloc) => [
    shortId(alloc.ID),
    shortId(alloc.NodeID),
    alloc.TaskGroup,
    String(alloc.JobVersion),
    alloc.DesiredStatus,
    alloc.ClientStatus,
    ago(alloc.CreateTime, nowMs),
    ago(alloc.ModifyTime, nowMs),
  ]);
  const heading = ["ID", "Node ID", "Task Group", "Version", "Desired", "Status", "Created", "Modified"];
  const lines = ["", "Allocations", ...columns(heading, rows)];
  const waits = job.TaskGroups.map((group) => group.ReschedulePolicy?.Delay ?? 0);
  if (late.length > 0)
    lines.push("", `${late.length} failed; tried again elsewhere after ${span(Math.max(0, ...waits) / 1e9)} or more`);
  return lines;
}
