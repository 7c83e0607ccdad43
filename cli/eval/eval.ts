import type { EvalAnswer } from "#base/client/nomad-answers.ts";
import { valueOf } from "../api/answer.ts";
import { oneByPrefix } from "../api/by-prefix.ts";
import { withNomad, type NomadSession } from "../api/session.ts";
import { UsageError } from "../command/command.ts";
import { placementHint, placementReasons } from "../job/placement.ts";
import { EXIT_CODES, monitorEval } from "../job/monitor.ts";
import { columns, properties } from "../print/columns.ts";
import { show } from "../print/show.ts";
import { shortId } from "../print/time.ts";
import { evalPage } from "./eval-page.ts";

/** Evaluations, a page at a time where `-per-page` asks for it. */
export const list = withNomad((session) => listAll(session));

/** All evaluations, or one with what it could not place; with `-monitor` until it has ended. */
export const status = withNomad(async (session) => {
  if (session.operands.length === 0) return listAll(session);
  const one = await findEval(session);
  if (session.flags.on("monitor")) return EXIT_CODES[await monitorEval(session, one.ID)];
  return show(session, one, () => detailLines(one, (id) => (session.flags.on("verbose") ? id : shortId(id))));
});

async function listAll(session: NomadSession): Promise<number> {
  const { evals, nextToken } = await evalPage(session);
  const id = (text: string): string => (session.flags.on("verbose") ? text : shortId(text));
  return show(session, evals, () =>
    evals.length === 0
      ? ["No evals found"]
      : [...listLines(evals, id), ...(nextToken === "" ? [] : ["", `Next page: -page-token=${nextToken}`])],
  );
}

export async function findEval({ nomad, operands, namespace }: NomadSession): Promise<EvalAnswer> {
  const [typed] = operands;
  if (typed === undefined) throw new UsageError("name an evaluation");
  const evals = valueOf(await nomad.evals.list({ prefix: typed, namespace: namespace ?? "*" }));
  return oneByPrefix(evals, typed, { kind: "evaluation", idOf: ({ ID }) => ID, list: "lares eval list" });
}

function listLines(evals: readonly EvalAnswer[], id: (text: string) => string): string[] {
  const rows = evals.map((one) => [
    id(one.ID),
    String(one.Priority),
    one.TriggeredBy,
    one.JobID,
    one.Namespace,
    one.NodeID === "" ? "<none>" : id(one.NodeID),
    one.Status,
    placementFailures(one),
  ]);
  const heading = ["ID", "Priority", "Triggered By", "Job ID", "Namespace", "Node ID", "Status", "Placement Failures"];
  return columns(heading, rows);
}

function placementFailures(one: EvalAnswer): string {
  return one.Status === "blocked" ? "N/A - In Progress" : String(Object.keys(one.FailedTGAllocs).length > 0);
}

function detailLines(one: EvalAnswer, id: (text: string) => string): string[] {
  const link = (other: string): string => (other === "" ? "<none>" : id(other));
  return [
    ...properties([
      ["ID", id(one.ID)],
      ["Status", one.Status],
      ["Status Description", one.StatusDescription || one.Status],
      ["Type", one.Type],
      ["TriggeredBy", one.TriggeredBy],
      ["Job ID", one.JobID || "<none>"],
      ["Namespace", one.Namespace],
      ["Node ID", link(one.NodeID)],
      ["Priority", String(one.Priority)],
      ["Placement Failures", placementFailures(one)],
      ["Previous Eval", link(one.PreviousEval)],
      ["Next Eval", link(one.NextEval)],
      ["Blocked Eval", link(one.BlockedEval)],
    ]),
    ...Object.entries(one.FailedTGAllocs).flatMap(([group, metric]) => [
      "",
      `Failed Placements: Task Group "${group}" (failed to place ${metric.CoalescedFailures + 1})`,
      ...placementReasons(metric).map((reason) => `  * ${reason}`),
      `  ${placementHint(metric)}`,
    ]),
  ];
}
