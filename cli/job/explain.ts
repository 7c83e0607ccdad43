import * as v from "valibot";
import { segment } from "#base/client/api-caller.ts";
import { integer, list, number, text, texts } from "#base/protocol/schema.ts";
import { valueOf } from "../api/answer.ts";
import { withNomad } from "../api/session.ts";
import { columns } from "../print/columns.ts";
import { show } from "../print/show.ts";
import { shortId } from "../print/time.ts";
import { findJob } from "./find-job.ts";

const counts = v.nullish(v.record(v.string(), v.number()), () => ({}));
const AllocSchema = v.object({
  ID: text,
  Name: text,
  NodeName: text,
  ClientStatus: text,
  Scores: counts,
  Score: number,
  RunnersUp: list(v.object({ NodeName: text, Score: number })),
  Evaluated: integer,
  Filtered: counts,
});
const NodeSchema = v.object({
  NodeName: text,
  Verdict: text,
  Reasons: texts,
  Short: v.object({ CPU: integer, MemoryMB: integer, DiskMB: integer }),
});
const GroupSchema = v.object({
  Name: text,
  Desired: integer,
  Allocations: list(AllocSchema),
  Missing: integer,
  Nodes: list(NodeSchema),
  Next: text,
  SmallestChange: text,
});
const ExplanationSchema = v.object({ JobID: text, Namespace: text, Groups: list(GroupSchema) });
type Group = v.InferOutput<typeof GroupSchema>;
type Alloc = Group["Allocations"][number];
type Node = Group["Nodes"][number];

/** Why each allocation of a job is where it is, why not elsewhere, and what keeps others from running. */
export const explain = withNomad(async (session) => {
  const { id, namespace } = await findJob(session, session.operands[0]);
  const path = `/v1/job/${segment(id)}/explain`;
  const told = valueOf(await session.nomad.call({ path, query: { namespace }, schema: ExplanationSchema }));
  return show(session, told, () => told.Groups.flatMap((group, at) => [...(at === 0 ? [] : [""]), ...lines(group)]));
});

function lines(group: Group): string[] {
  const placed = group.Desired - group.Missing;
  return [
    `Task Group "${group.Name}": ${placed} of ${group.Desired} placed`,
    ...group.Allocations.flatMap((alloc) => ["", ...allocLines(alloc)]),
    "",
    "One more allocation now",
    ...columns(
      ["Node", "Answer", "Reason"],
      group.Nodes.map((node) => [node.NodeName, node.Verdict, reasonOf(node, group.Next)]),
    ),
    ...(group.Missing === 0
      ? []
      : ["", `${group.Missing} without a place: ${group.SmallestChange || "the scheduler has not looked again yet"}`]),
  ];
}

function allocLines(alloc: Alloc): string[] {
  const scores = Object.entries(alloc.Scores)
    .filter(([, score]) => score !== 0)
    .map(([name, score]) => `${name} ${round(score)}`);
  const others = alloc.RunnersUp.map((other) => `${other.NodeName} ${round(other.Score)}`);
  const filtered = Object.entries(alloc.Filtered).map(([reason, count]) => `${reason} (${count})`);
  return [
    `${alloc.Name} (${shortId(alloc.ID)}) is ${alloc.ClientStatus} on ${alloc.NodeName}`,
    scores.length === 0
      ? `  it was meant for this node, or the only one of ${alloc.Evaluated}`
      : `  best of ${alloc.Evaluated} with ${round(alloc.Score)}: ${scores.join(", ")}`,
    ...(others.length === 0 ? [] : [`  next best then: ${others.join(", ")}`]),
    ...(filtered.length === 0 ? [] : [`  left out then: ${filtered.join(", ")}`]),
  ];
}

function reasonOf({ NodeName, Verdict, Reasons, Short }: Node, next: string): string {
  if (Verdict === "fits") return NodeName === next ? "it would go there" : "";
  const amounts = [
    ...(Short.MemoryMB > 0 ? [`${Short.MemoryMB} MB of memory`] : []),
    ...(Short.CPU > 0 ? [`${Short.CPU} MHz of CPU`] : []),
    ...(Short.DiskMB > 0 ? [`${Short.DiskMB} MB of disk`] : []),
  ];
  return amounts.length > 0 ? `${amounts.join(", ")} short` : Reasons.join("; ");
}

function round(score: number): string {
  return String(Number(score.toFixed(3)));
}
