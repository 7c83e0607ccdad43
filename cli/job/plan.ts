import type { FieldDiff, GroupDiff, JobDiff, ObjectDiff, PlanAnswer, TaskDiff } from "#base/client/nomad-answers.ts";
import { valueOf } from "../api/answer.ts";
import { withNomad } from "../api/session.ts";
import { printJson } from "../print/json.ts";
import { placementHint, placementReasons } from "./placement.ts";
import { readJob } from "./read-job.ts";

/**
 * Says what registering a job would change. Exit code 0: no allocation would be made or stopped; 1: some would;
 * 255: it could not be found out.
 */
export const plan = withNomad(async (session) => {
  const { output, flags, nomad } = session;
  try {
    const { job } = await readJob(session);
    const answer = valueOf(await nomad.jobs.plan(job, { diff: !flags.on("no-diff") }));
    if (flags.on("json")) printJson(output, answer);
    else
      for (const line of planLines(answer, { file: session.operands[0] ?? "", verbose: flags.on("verbose") }))
        output.line(line);
    return changesAllocs(answer) ? 1 : 0;
  } catch (error) {
    output.error(`lares: ${error instanceof Error ? error.message : String(error)}`);
    return 255;
  }
});

function planLines(answer: PlanAnswer, options: { readonly file: string; readonly verbose: boolean }): string[] {
  const lines = answer.Diff === null ? [] : [...jobDiff(answer.Diff, options.verbose), ""];
  lines.push("Scheduler dry-run:");
  const failed = Object.entries(answer.FailedTGAllocs);
  if (failed.length === 0) lines.push("- All tasks successfully allocated.");
  else lines.push("- WARNING: Failed to place all allocations.");
  for (const [group, metric] of failed) {
    const count = metric.CoalescedFailures + 1;
    lines.push(`  Task Group "${group}" (failed to place ${count} allocation${count === 1 ? "" : "s"}):`);
    lines.push(...placementReasons(metric).map((reason) => `    * ${reason}`), `  ${placementHint(metric)}`);
  }
  if (answer.NextPeriodicLaunch !== "" && !answer.NextPeriodicLaunch.startsWith("0001-")) {
    lines.push(`- If submitted now, next periodic launch would be at ${answer.NextPeriodicLaunch}.`);
  }
  if (answer.Warnings !== "") lines.push("", "Job Warnings:", answer.Warnings);
  lines.push("", `Job Modify Index: ${answer.JobModifyIndex}`, "To submit the job with version verification run:", "");
  lines.push(`lares job run -check-index ${answer.JobModifyIndex} ${options.file}`);
  return lines;
}

function changesAllocs(answer: PlanAnswer): boolean {
  const updates = Object.values(answer.Annotations?.DesiredTGUpdates ?? {});
  return updates.some((counts) => CHANGES.some((kind) => (counts[kind] ?? 0) > 0));
}

/** What makes or ends allocations; an update in place does neither. */
const CHANGES = ["Place", "Stop", "Migrate", "DestructiveUpdate", "Canary"];

const MARKS: Readonly<Record<string, string>> = { Added: "+", Deleted: "-", Edited: "+/-", None: "" };

function marked(type: string, text: string, depth: number): string {
  const mark = MARKS[type] ?? "";
  return `${"  ".repeat(depth)}${mark === "" ? "" : `${mark} `}${text}`;
}

/** A job's differences, indented as they nest; unchanged parts only when `verbose`. */
function jobDiff(diff: JobDiff, verbose: boolean): string[] {
  return [
    marked(diff.Type, `Job: "${diff.ID}"`, 0),
    ...parts(diff, { depth: 0, verbose }),
    ...diff.TaskGroups.flatMap((group) => groupDiff(group, verbose)),
  ];
}

function groupDiff(group: GroupDiff, verbose: boolean): string[] {
  const updates = Object.entries(group.Updates).map(([kind, count]) => `${count} ${kind}`);
  const note = updates.length === 0 ? "" : ` (${updates.join(", ")})`;
  return [
    marked(group.Type, `Task Group: "${group.Name}"${note}`, 0),
    ...parts(group, { depth: 1, verbose }),
    ...group.Tasks.flatMap((task) => taskDiff(task, verbose)),
  ];
}

function taskDiff(task: TaskDiff, verbose: boolean): string[] {
  if (task.Type === "None" && !verbose) return [];
  const note = task.Annotations.length === 0 ? "" : ` (${task.Annotations.join(", ")})`;
  return [marked(task.Type, `Task: "${task.Name}"${note}`, 1), ...parts(task, { depth: 2, verbose })];
}

interface Nesting {
  readonly depth: number;
  readonly verbose: boolean;
}

function parts(
  of: { readonly Fields: readonly FieldDiff[]; readonly Objects: readonly ObjectDiff[] },
  nesting: Nesting,
): string[] {
  const shown = <T extends { readonly Type: string }>(all: readonly T[]): T[] =>
    all.filter(({ Type }) => nesting.verbose || Type !== "None");
  return [
    ...shown(of.Fields).map((field) => fieldDiff(field, nesting.depth)),
    ...shown(of.Objects).flatMap((object) => [
      marked(object.Type, `${object.Name} {`, nesting.depth),
      ...parts(object, { ...nesting, depth: nesting.depth + 1 }),
      `${"  ".repeat(nesting.depth)}}`,
    ]),
  ];
}

function fieldDiff(field: FieldDiff, depth: number): string {
  const note = field.Annotations.length === 0 ? "" : ` (${field.Annotations.join(", ")})`;
  const change =
    field.Type === "Edited"
      ? `"${field.Old}" => "${field.New}"`
      : `"${field.Type === "Deleted" ? field.Old : field.New}"`;
  return marked(field.Type, `${field.Name}: ${change}${note}`, depth);
}
