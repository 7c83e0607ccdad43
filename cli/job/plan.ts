import type { PlanAnswer } from "#base/client/nomad-answers.ts";
import { valueOf } from "../api/answer.ts";
import { withNomad } from "../api/session.ts";
import { UsageError, type FlagValues } from "../command/command.ts";
import { printed } from "../print/show.ts";
import { diffLines } from "./diff-lines.ts";
import { parseImaginedNode, type ImaginedNode } from "./imagined-node.ts";
import { placementHint, placementReasons } from "./placement.ts";
import { readJob, untold } from "./read-job.ts";
import { whatIfLines } from "./what-if-lines.ts";

/**
 * Says what registering a job would change. Exit code 0: no allocation would be made or stopped; 1: some would;
 * 255: it could not be found out.
 */
export const plan = withNomad(async (session) => {
  const { output, flags, nomad } = session;
  try {
    const read = await readJob(session);
    const { job } = read;
    const whatIf = suppositionOf(flags);
    const answer = valueOf(
      await nomad.jobs.plan(job, {
        diff: whatIf === undefined && !flags.on("no-diff") && flags.value("diff") !== "false",
        whatIf,
      }),
    );
    if (await printed({ flags, output }, answer)) return changesAllocs(answer) ? 1 : 0;
    if (answer.WhatIf !== undefined) for (const line of whatIfLines(answer.WhatIf)) output.line(line);
    else
      for (const line of planLines(answer, {
        file: session.operands[0] ?? "",
        verbose: flags.on("verbose"),
        warnings: untold(answer.Warnings, read),
      }))
        output.line(line);
    return changesAllocs(answer) ? 1 : 0;
  } catch (error) {
    if (error instanceof UsageError) throw error;
    output.error(`lares: ${error instanceof Error ? error.message : String(error)}`);
    return 255;
  }
});

/** What the cluster is to be thought of as; undefined: as it is, and nobody asked. */
function suppositionOf(flags: FlagValues): { Without: readonly string[]; With: readonly ImaginedNode[] } | undefined {
  const Without = flags.values("without");
  const With = flags.values("with").map((spec) => {
    const read = parseImaginedNode(spec);
    if (read.ok) return read.value;
    throw new UsageError(`${read.error.message}; ${read.error.hint ?? ""}`);
  });
  return flags.on("what-if") || Without.length + With.length > 0 ? { Without, With } : undefined;
}

interface PlanOptions {
  readonly file: string;
  readonly verbose: boolean;
  readonly warnings: readonly string[];
}

function planLines(answer: PlanAnswer, options: PlanOptions): string[] {
  const lines = answer.Diff === null ? [] : [...diffLines(answer.Diff, options.verbose), ""];
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
  if (options.warnings.length > 0) lines.push("", "Job Warnings:", ...options.warnings);
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
