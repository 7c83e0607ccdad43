import { DEFAULT_CPU_MHZ, DEFAULT_DISK_MB } from "#base/language/jobspec/defaults.ts";
import type { AllocMetric } from "#base/protocol/alloc.ts";
import type { TaskGroup } from "#base/protocol/job.ts";
import { taskMemory } from "./task-memory.ts";

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

/** By task, what it asked for of the dimensions that ran out, once for each node where they did. */
export function exhaustedResources(
  group: TaskGroup,
  dimensions: Readonly<Record<string, number>>,
): Record<string, Record<string, number>> {
  const times = (dimension: string): number => dimensions[dimension] ?? 0;
  const found: Record<string, Record<string, number>> = {};
  for (const { Name, Resources } of group.Tasks) {
    const Cores = Resources.Cores ?? 0;
    const sums = {
      CPU: times("cpu") * (Cores > 0 ? 0 : (Resources.CPU ?? DEFAULT_CPU_MHZ)),
      Cores: times("cores") * Cores,
      MemoryMB: times("memory") * taskMemory(Resources),
      DiskMB: times("disk") * (group.EphemeralDisk?.SizeMB ?? DEFAULT_DISK_MB),
    };
    const some = Object.entries(sums).filter(([, sum]) => sum > 0);
    if (some.length > 0) found[Name] = Object.fromEntries(some);
  }
  return found;
}
