import type { NodeTable } from "./node-table.ts";
import { cpuOn, type Ask } from "./ask.ts";

export type SchedulerAlgorithm = "binpack" | "spread";

/** The free fractions' powers of ten lie between 2 (full) and 20 (empty); this is the width between. */
const FIT_RANGE = 18;
/** The share of its score a node loses that has only one of both left. */
const LOPSIDED_COST = 0.5;
/** Free fractions below this hardly count: a node that is full of both is full. */
const NO_MATTER = 0.1;

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

/**
 * What it costs a full node that what would be left of it is lopsided: processor time without memory is room for nothing.
 * A part of its {@link fitScore}, from 0 to minus half of it; 0 where loads are spread. Not in Nomad; on tasks that fit a node only
 * a few times it saves one node in forty (`bench/packing.bench.ts`).
 */
export function balanceScore(algorithm: SchedulerAlgorithm, freeCpu: number, freeMemory: number): number {
  if (algorithm !== "binpack") return 0;
  const lopsided = Math.abs(freeCpu - freeMemory) / (freeCpu + freeMemory + NO_MATTER);
  return -LOPSIDED_COST * lopsided * fitScore(algorithm, freeCpu, freeMemory);
}

interface ScoredBy {
  readonly ask: Ask;
  readonly algorithm: SchedulerAlgorithm;
}

export function fitScoreAt(table: NodeTable, slot: number, { ask, algorithm }: ScoredBy): number {
  return fitScore(algorithm, freeCpuAt(table, slot, ask), freeMemoryAt(table, slot, ask));
}

export function balanceScoreAt(table: NodeTable, slot: number, { ask, algorithm }: ScoredBy): number {
  return balanceScore(algorithm, freeCpuAt(table, slot, ask), freeMemoryAt(table, slot, ask));
}

/** Against putting allocations of one group side by side: `count` of them are there, `desired` are wanted in all. */
export function antiAffinityScore(count: number, desired: number): number {
  return count === 0 ? 0 : -(count + 1) / Math.max(1, desired);
}

function freeCpuAt(table: NodeTable, slot: number, ask: Ask): number {
  return freeAfter(table.cpuTotal[slot], table.cpuUsed[slot], cpuOn(table.at(slot)?.node, ask));
}

function freeMemoryAt(table: NodeTable, slot: number, ask: Ask): number {
  return freeAfter(table.memoryTotal[slot], table.memoryUsed[slot], ask.memory);
}

function freeAfter(total = 0, used = 0, more: number): number {
  return total <= 0 ? 0 : 1 - (used + more) / total;
}
