import type { NodeStub } from "#base/client/nomad-answers.ts";
import { columns } from "../print/columns.ts";
import { shortId } from "../print/time.ts";

export function nodeRows(nodes: readonly NodeStub[], verbose = false): string[] {
  const heading = [
    "ID",
    "Node Pool",
    "DC",
    "Name",
    "Class",
    ...(verbose ? ["Address", "Version"] : []),
    "Drain",
    "Eligibility",
    "Status",
  ];
  const rows = nodes.map((node) => [
    verbose ? node.ID : shortId(node.ID),
    node.NodePool,
    node.Datacenter,
    node.Name,
    node.NodeClass || "<none>",
    ...(verbose ? [node.Address, node.Version] : []),
    String(node.Drain),
    node.SchedulingEligibility,
    node.Status,
  ]);
  return columns(heading, rows);
}
