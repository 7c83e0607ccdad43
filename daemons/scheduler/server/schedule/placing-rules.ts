import type { Job } from "#base/protocol/job.ts";
import type { View } from "#base/state/table.ts";
import type { SchedulerAlgorithm } from "../place/score.ts";
import { poolConfiguration } from "../tenancy/node-pool.ts";

/** How a job is placed: as operators set its node pool up, and the cluster. */
export interface PlacingRules {
  readonly algorithm: SchedulerAlgorithm;
  /** Tasks may use memory up to `memory_max`. */
  readonly oversubscribes: boolean;
  /** The job may take the place of less important ones. */
  readonly preempts: boolean;
}

export function placingRules(view: View, job: Job): PlacingRules {
  const set = poolConfiguration(view, job.NodePool === "" ? "default" : job.NodePool);
  const { PreemptionConfig: preemption } = set;
  const byType: Readonly<Record<string, boolean>> = {
    service: preemption.ServiceSchedulerEnabled,
    batch: preemption.BatchSchedulerEnabled,
    system: preemption.SystemSchedulerEnabled,
    sysbatch: preemption.SysBatchSchedulerEnabled,
  };
  return {
    algorithm: set.SchedulerAlgorithm,
    oversubscribes: set.MemoryOversubscriptionEnabled,
    preempts: byType[job.Type] ?? false,
  };
}
