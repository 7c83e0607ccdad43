import type { Job, TaskGroup } from "#base/protocol/job.ts";
import { askOf, cpuOn } from "../place/ask.ts";
import { exhausted } from "../place/fit.ts";
import type { NodeTable } from "../place/node-table.ts";
import { barriers } from "../place/screen.ts";

/** How one node answers one more allocation of a group. */
export interface NodeVerdict {
  readonly NodeID: string;
  readonly NodeName: string;
  /** `fits`; `full`: what is in use leaves too little; `filtered`: it may not run there; `closed`: the node takes nothing new. */
  readonly Verdict: "fits" | "full" | "filtered" | "closed";
  /** In the words of the API: `memory`, `constraint: ${attr.cpu.arch} = arm64`. Empty where it fits. */
  readonly Reasons: readonly string[];
  /** Where it is full: how much more would have to be free, in MHz and MB. */
  readonly Short: { readonly CPU: number; readonly MemoryMB: number; readonly DiskMB: number };
}

/** Every node of the cluster, in order of name. */
export function nodeVerdicts(table: NodeTable, job: Job, group: TaskGroup): NodeVerdict[] {
  const verdicts: NodeVerdict[] = [];
  for (let slot = 0; slot < table.end; slot++) {
    const verdict = verdictAt(table, slot, { job, group });
    if (verdict !== undefined) verdicts.push(verdict);
  }
  return verdicts.toSorted((a, b) => (a.NodeName < b.NodeName ? -1 : 1));
}

function verdictAt(
  table: NodeTable,
  slot: number,
  { job, group }: { readonly job: Job; readonly group: TaskGroup },
): NodeVerdict | undefined {
  const entry = table.at(slot);
  if (entry?.node === undefined) return undefined;
  const named = { NodeID: entry.id, NodeName: entry.node.Name, Short: NOTHING };
  const filtered = barriers(entry.node, job, group);
  if (filtered.length > 0) return { ...named, Verdict: "filtered", Reasons: filtered };
  if (table.usable[slot] !== 1) return { ...named, Verdict: "closed", Reasons: [closedBecause(entry.state)] };
  const ask = askOf(job, group);
  const dimension = exhausted(table, slot, ask);
  if (dimension === undefined) return { ...named, Verdict: "fits", Reasons: [] };
  const short = (wanted: number, total = 0, used = 0): number => Math.max(0, Math.ceil(wanted - (total - used)));
  const Short = {
    CPU: short(cpuOn(entry.node, ask), table.cpuTotal[slot], table.cpuUsed[slot]),
    MemoryMB: short(ask.memory, table.memoryTotal[slot], table.memoryUsed[slot]),
    DiskMB: short(ask.disk, table.diskTotal[slot], table.diskUsed[slot]),
  };
  return { ...named, Verdict: "full", Reasons: [dimension], Short };
}

const NOTHING = { CPU: 0, MemoryMB: 0, DiskMB: 0 };

function closedBecause(
  state:
    | { readonly Status: string; readonly SchedulingEligibility: string; readonly DrainStrategy: unknown }
    | undefined,
): string {
  if (state === undefined) return "the node never said it was ready";
  if (state.Status !== "ready") return `the node is ${state.Status}`;
  if (state.DrainStrategy !== null) return "the node is being drained";
  return `the node is ${state.SchedulingEligibility}`;
}
