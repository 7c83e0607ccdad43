import type { NodeTable } from "./node-table.ts";
import { cpuOn, type Ask } from "./ask.ts";

export type SchedulerAlgorithm = "binpack" | "spread";

/** The free fractions' powers of ten lie between 2 (full) and 20 (empty); this is the width between. */
const FIT_RANGE = 18;

/**
 * How well a node would be used with one more allocation, 0 … 1: best fit v3 of Google's "Scoring" talk, as Nomad
 * documents it (https://developer.hashicorp.com/nomad/docs/concepts/scheduling/placement). `free` are fractions
 * after the placement.
 */
export function fitScore(algorithm: SchedulerAlgorithm, freeCpu: number, freeMemory: number): number {
  const total = 10 ** freeCpu + 10 ** freeMemory;
  const raw = algorithm === "binpack" ? 20 - total : total - 2;
  return Math.min(FIT_RANGE, Math.max(0, raw)) / FIT_RANGE;
}

export function fitScoreAt(table: NodeTable, slot: number, by: { ask: Ask; algorithm: SchedulerAlgorithm }): number {
  const { ask, algorithm } = by;
  return fitScore(
    algorithm,
    freeAfter(table.cpuTotal[slot], table.cpuUsed[slot], cpuOn(table.at(slot)?.node, ask)),
    freeAfter(table.memoryTotal[slot], table.memoryUsed[slot], ask.memory),
  );
}

/** Against putting allocations of one group side by side: `count` of them are there, `desired` are wanted in all. */
export function antiAffinityScore(count: number, desired: number): number {
  return count === 0 ? 0 : -(count + 1) / Math.max(1, desired);
}

function freeAfter(total = 0, used = 0, more: number): number {
  return total <= 0 ? 0 : 1 - (used + more) / total;
}
