import type { EvalAnswer } from "#base/client/nomad-answers.ts";
import { valueOf } from "../api/answer.ts";
import { oneByPrefix } from "../api/by-prefix.ts";
import { withNomad } from "../api/session.ts";
import { placementHint, placementReasons } from "../job/placement.ts";
import { columns, properties } from "../print/columns.ts";
import { printJson } from "../print/json.ts";
import { shortId } from "../print/time.ts";

/** All evaluations, or one with what it could not place. */
export const status = withNomad(async ({ nomad, output, flags, operands, namespace }) => {
  const [typed = ""] = operands;
  const evals = valueOf(await nomad.evals.list({ prefix: typed, namespace: namespace ?? "*" }));
  if (typed === "") {
    if (flags.on("json")) printJson(output, evals);
    else for (const line of listLines(evals)) output.line(line);
    return 0;
  }
  const one = oneByPrefix(evals, typed, { kind: "evaluation", idOf: ({ ID }) => ID, list: "lares eval status" });
  if (flags.on("json")) printJson(output, one);
  else for (const line of detailLines(one)) output.line(line);
  return 0;
});

function listLines(evals: readonly EvalAnswer[]): string[] {
  const rows = evals.map((one) => [
    shortId(one.ID),
    String(one.Priority),
    one.TriggeredBy,
    one.JobID,
    one.Status,
    String(Object.keys(one.FailedTGAllocs).length > 0),
  ]);
  return columns(["ID", "Priority", "Triggered By", "Job ID", "Status", "Placement Failures"], rows);
}

function detailLines(one: EvalAnswer): string[] {
  return [
    ...properties([
      ["ID", one.ID],
      ["Status", one.Status],
      ["Status Description", one.StatusDescription || one.Status],
      ["Type", one.Type],
      ["TriggeredBy", one.TriggeredBy],
      ["Job ID", one.JobID || "-"],
      ["Namespace", one.Namespace],
      ["Priority", String(one.Priority)],
      ["Placement Failures", String(Object.keys(one.FailedTGAllocs).length > 0)],
      ["Blocked Eval", one.BlockedEval === "" ? "-" : shortId(one.BlockedEval)],
    ]),
    ...Object.entries(one.FailedTGAllocs).flatMap(([group, metric]) => [
      "",
      `Failed Placements: Task Group "${group}" (failed to place ${metric.CoalescedFailures + 1})`,
      ...placementReasons(metric).map((reason) => `  * ${reason}`),
      `  ${placementHint(metric)}`,
    ]),
  ];
}
