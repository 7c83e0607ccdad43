import type { WhatIfAnswer } from "#base/client/nomad-answers.ts";
import { columns } from "../print/columns.ts";

/** A plan for a cluster that is thought of as another, for people. */
export function whatIfLines(told: WhatIfAnswer): string[] {
  const lines = supposed(told);
  if (told.Placements.length > 0) {
    const rows = told.Placements.map(({ Name, TaskGroup, NodeName, PreviousNode, Evicts }) => [
      Name,
      TaskGroup,
      NodeName,
      PreviousNode,
      Evicts === 0 ? "" : `${Evicts} would be preempted`,
    ]);
    lines.push("", ...columns(["Allocation", "Group", "Node", "Was on", "Note"], rows));
  }
  if (told.Stops.length > 0) {
    const rows = told.Stops.map(({ Name, NodeName, Reason }) => [Name, NodeName, Reason]);
    lines.push("", ...columns(["Would stop", "Node", "Reason"], rows));
  }
  lines.push("", `${told.Placements.length} would be placed, ${told.Stops.length} would stop, ${told.Staying} stay.`);
  for (const { TaskGroup, Missing, SmallestChange } of told.Blocked) {
    lines.push(`${Missing} of group "${TaskGroup}" would have no place: ${SmallestChange || "add a node for it"}`);
  }
  for (const { JobID, Allocations } of told.Others) {
    const many = Allocations === 1 ? "1 allocation" : `${Allocations} allocations`;
    lines.push(`Job "${JobID}" would lose ${many}, too: its room elsewhere is not counted here.`);
  }
  return lines;
}

function supposed({ Without, With }: WhatIfAnswer): string[] {
  const lines = [
    ...Without.map(({ Name }) => `- without ${Name}`),
    ...With.map(
      ({ Name, Arch, CPU, MemoryMB, DiskMB, Datacenter }) =>
        `- with ${Name}: ${[Arch, `${CPU} MHz`, `${MemoryMB} MB of memory`, `${DiskMB} MB of disk`, Datacenter].filter((part) => part !== "").join(", ")}`,
    ),
  ];
  return ["Supposing the cluster", ...(lines.length === 0 ? ["- as it is"] : lines)];
}
