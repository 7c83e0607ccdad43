import type { AllocMetric } from "#base/protocol/alloc.ts";

/** An {@link AllocMetric} while it is being counted. */
export type MetricDraft = { -readonly [Key in keyof AllocMetric]: AllocMetric[Key] };

export function newMetric(): MetricDraft {
  return {
    NodesEvaluated: 0,
    NodesFiltered: 0,
    NodesInPool: 0,
    NodesAvailable: {},
    ClassFiltered: {},
    ConstraintFiltered: {},
    NodesExhausted: 0,
    ClassExhausted: {},
    DimensionExhausted: {},
    QuotaExhausted: [],
    ScoreMetaData: [],
    AllocationTime: 0,
    CoalescedFailures: 0,
  };
}

export function countIn(counts: Record<string, number>, key: string): void {
  counts[key] = (counts[key] ?? 0) + 1;
}
