import * as v from "valibot";
import {
  block,
  flag,
  integer,
  list,
  nanoseconds,
  optionalFlag,
  optionalInteger,
  optionalText,
  shortList,
  text,
  textMap,
} from "./schema.ts";
import {
  AffinitySchema,
  ConstraintSchema,
  DisconnectStrategySchema,
  EphemeralDiskSchema,
  MigrateStrategySchema,
  ParameterizedSchema,
  PeriodicSchema,
  ReschedulePolicySchema,
  RestartPolicySchema,
  ScalingPolicySchema,
  SpreadSchema,
  UpdateStrategySchema,
} from "./policies.ts";
import { NetworkResourceSchema } from "./resources.ts";
import { ServiceSchema } from "./service.ts";
import { ConsulSchema, TaskSchema, VolumeRequestSchema } from "./task.ts";

export type JobType = "service" | "batch" | "system" | "sysbatch";

/** Groups of one job: each costs every turn of the scheduler that looks at it. */
export const MAX_GROUPS = 500;
/** Tasks of one job. */
export const MAX_TASKS = 1000;

export const TaskGroupSchema = v.object({
  Name: text,
  Count: optionalInteger,
  Constraints: list(ConstraintSchema),
  Affinities: list(AffinitySchema),
  Spreads: list(SpreadSchema),
  Tasks: shortList(TaskSchema, { most: MAX_TASKS, what: "tasks" }),
  Networks: list(NetworkResourceSchema),
  Services: list(ServiceSchema),
  Volumes: v.nullish(v.record(v.string(), VolumeRequestSchema), () => ({})),
  RestartPolicy: block(RestartPolicySchema),
  ReschedulePolicy: block(ReschedulePolicySchema),
  EphemeralDisk: block(EphemeralDiskSchema),
  Update: block(UpdateStrategySchema),
  Migrate: block(MigrateStrategySchema),
  Disconnect: block(DisconnectStrategySchema),
  /** The older keys for what `Disconnect` says. */
  MaxClientDisconnect: optionalInteger,
  StopAfterClientDisconnect: optionalInteger,
  PreventRescheduleOnLost: optionalFlag,
  Scaling: block(ScalingPolicySchema),
  Consul: block(ConsulSchema),
  Meta: textMap,
  ShutdownDelay: optionalInteger,
  MaxRunDuration: optionalInteger,
});
export type TaskGroup = v.InferOutput<typeof TaskGroupSchema>;

/** A name for a version, unique in its job. `TaggedTime` in nanoseconds since the epoch. */
export const VersionTagSchema = v.object({ Name: text, Description: text, TaggedTime: nanoseconds });
export type VersionTag = v.InferOutput<typeof VersionTagSchema>;

/**
 * A job as the Nomad API carries it (https://developer.hashicorp.com/nomad/api-docs/json-jobs). Parsing completes
 * it structurally; `canonicalize` in `base/language/jobspec` fills the defaults that depend on the job's type.
 * Status and indexes are not part of it: they are derived when it is read.
 */
export const JobSchema = v.object({
  ID: text,
  Name: text,
  Region: text,
  Namespace: text,
  Type: text,
  Priority: optionalInteger,
  AllAtOnce: optionalFlag,
  Datacenters: list(v.string()),
  NodePool: text,
  Constraints: list(ConstraintSchema),
  Affinities: list(AffinitySchema),
  Spreads: list(SpreadSchema),
  TaskGroups: shortList(TaskGroupSchema, { most: MAX_GROUPS, what: "groups" }),
  Update: block(UpdateStrategySchema),
  Migrate: block(MigrateStrategySchema),
  Reschedule: block(ReschedulePolicySchema),
  Periodic: block(PeriodicSchema),
  ParameterizedJob: block(ParameterizedSchema),
  Multiregion: v.nullish(v.record(v.string(), v.unknown()), null),
  UI: block(v.object({ Description: text, Links: list(v.object({ Label: text, Url: text })) })),
  Payload: optionalText,
  Meta: textMap,
  ParentID: text,
  Dispatched: flag,
  DispatchIdempotencyToken: text,
  VersionTag: block(VersionTagSchema),
  /** True once stopped; the job stays until it is purged or collected. */
  Stop: flag,
  Stable: flag,
  /** Counts specification changes, from 0. */
  Version: integer,
  /** Nanoseconds since the epoch. */
  SubmitTime: nanoseconds,
});
export type Job = v.InferOutput<typeof JobSchema>;
