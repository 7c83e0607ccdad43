import * as v from "valibot";
import { flag } from "./schema.ts";

/** https://developer.hashicorp.com/nomad/api-docs/operator/scheduler */
export const SchedulerConfigurationSchema = v.object({
  SchedulerAlgorithm: v.nullish(v.picklist(["binpack", "spread"]), "binpack"),
  PreemptionConfig: v.nullish(
    v.object({
      SystemSchedulerEnabled: v.nullish(v.boolean(), true),
      SysBatchSchedulerEnabled: flag,
      BatchSchedulerEnabled: flag,
      ServiceSchedulerEnabled: flag,
    }),
    () => ({
      SystemSchedulerEnabled: true,
      SysBatchSchedulerEnabled: false,
      BatchSchedulerEnabled: false,
      ServiceSchedulerEnabled: false,
    }),
  ),
  MemoryOversubscriptionEnabled: flag,
  RejectJobRegistration: flag,
  PauseEvalBroker: flag,
  /** Kept for those who read it back: all nodes are looked at. */
  NodeLimitForFeasibilityChecks: v.optional(v.pipe(v.number(), v.integer())),
});
export type SchedulerConfiguration = v.InferOutput<typeof SchedulerConfigurationSchema>;
