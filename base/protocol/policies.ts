import * as v from "valibot";
import { flag, integer, list, nanoseconds, optionalFlag, optionalInteger, optionalText, text } from "./schema.ts";

/** https://developer.hashicorp.com/nomad/docs/job-specification/constraint */
export const ConstraintSchema = v.object({ LTarget: text, RTarget: text, Operand: v.nullish(v.string(), "=") });
export type Constraint = v.InferOutput<typeof ConstraintSchema>;

export const AffinitySchema = v.object({
  LTarget: text,
  RTarget: text,
  Operand: v.nullish(v.string(), "="),
  Weight: v.nullish(v.number(), 50),
});
export type Affinity = v.InferOutput<typeof AffinitySchema>;

export const SpreadTargetSchema = v.object({ Value: text, Percent: integer });
export const SpreadSchema = v.object({
  Attribute: text,
  Weight: v.nullish(v.number(), 50),
  SpreadTarget: list(SpreadTargetSchema),
});
export type Spread = v.InferOutput<typeof SpreadSchema>;

/** Attempts within an interval, then `Mode` says what follows: `delay` waits for the next interval, `fail` gives up. */
export const RestartPolicySchema = v.object({
  Attempts: optionalInteger,
  Interval: optionalInteger,
  Delay: optionalInteger,
  Mode: optionalText,
  RenderTemplates: optionalFlag,
});
export type RestartPolicy = v.InferOutput<typeof RestartPolicySchema>;

export const ReschedulePolicySchema = v.object({
  Attempts: optionalInteger,
  Interval: optionalInteger,
  Delay: optionalInteger,
  DelayFunction: optionalText,
  MaxDelay: optionalInteger,
  Unlimited: optionalFlag,
});
export type ReschedulePolicy = v.InferOutput<typeof ReschedulePolicySchema>;

export const UpdateStrategySchema = v.object({
  Stagger: optionalInteger,
  MaxParallel: optionalInteger,
  HealthCheck: optionalText,
  MinHealthyTime: optionalInteger,
  HealthyDeadline: optionalInteger,
  ProgressDeadline: optionalInteger,
  AutoRevert: optionalFlag,
  AutoPromote: optionalFlag,
  Canary: optionalInteger,
});
export type UpdateStrategy = v.InferOutput<typeof UpdateStrategySchema>;

export const MigrateStrategySchema = v.object({
  MaxParallel: optionalInteger,
  HealthCheck: optionalText,
  MinHealthyTime: optionalInteger,
  HealthyDeadline: optionalInteger,
});
export type MigrateStrategy = v.InferOutput<typeof MigrateStrategySchema>;

export const DisconnectStrategySchema = v.object({
  LostAfter: optionalInteger,
  StopOnClientAfter: optionalInteger,
  Replace: optionalFlag,
  Reconcile: optionalText,
});
export type DisconnectStrategy = v.InferOutput<typeof DisconnectStrategySchema>;

export const EphemeralDiskSchema = v.object({ Sticky: optionalFlag, Migrate: optionalFlag, SizeMB: optionalInteger });
export type EphemeralDisk = v.InferOutput<typeof EphemeralDiskSchema>;

export const PeriodicSchema = v.object({
  Enabled: v.nullish(v.boolean(), true),
  Spec: text,
  Specs: list(v.string()),
  SpecType: v.nullish(v.string(), "cron"),
  ProhibitOverlap: flag,
  TimeZone: v.nullish(v.string(), "UTC"),
});
export type Periodic = v.InferOutput<typeof PeriodicSchema>;

export const ParameterizedSchema = v.object({
  Payload: text,
  MetaRequired: list(v.string()),
  MetaOptional: list(v.string()),
});
export type Parameterized = v.InferOutput<typeof ParameterizedSchema>;

export const ScalingPolicySchema = v.object({
  ID: text,
  Type: v.nullish(v.string(), "horizontal"),
  Min: optionalInteger,
  Max: optionalInteger,
  Enabled: v.nullish(v.boolean(), true),
  Policy: v.nullish(v.record(v.string(), v.unknown()), () => ({})),
});
export type ScalingPolicy = v.InferOutput<typeof ScalingPolicySchema>;

export const LogConfigSchema = v.object({ MaxFiles: optionalInteger, MaxFileSizeMB: optionalInteger, Disabled: flag });
export type LogConfig = v.InferOutput<typeof LogConfigSchema>;

/** `Grace` in nanoseconds; null: 1 s. */
export const CheckRestartSchema = v.object({ Limit: integer, Grace: optionalInteger, IgnoreWarnings: flag });
export type CheckRestart = v.InferOutput<typeof CheckRestartSchema>;

export const LifecycleSchema = v.object({ Hook: text, Sidecar: flag });
export type Lifecycle = v.InferOutput<typeof LifecycleSchema>;

export const WaitSchema = v.object({ Min: nanoseconds, Max: nanoseconds });
