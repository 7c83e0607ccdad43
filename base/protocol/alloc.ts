import * as v from "valibot";
import { block, flag, integer, list, nanoseconds, number, optionalFlag, text, textMap } from "./schema.ts";
import { AllocatedResourcesSchema } from "./resources.ts";

export type AllocDesiredStatus = "run" | "stop" | "evict";
export type AllocClientStatus = "pending" | "running" | "complete" | "failed" | "lost" | "unknown";

/** Why a placement went where it went, or nowhere. Field meanings: https://developer.hashicorp.com/nomad/api-docs/allocations */
export const AllocMetricSchema = v.object({
  NodesEvaluated: integer,
  NodesFiltered: integer,
  NodesInPool: integer,
  NodesAvailable: v.nullish(v.record(v.string(), v.number()), () => ({})),
  ClassFiltered: v.nullish(v.record(v.string(), v.number()), () => ({})),
  ConstraintFiltered: v.nullish(v.record(v.string(), v.number()), () => ({})),
  NodesExhausted: integer,
  ClassExhausted: v.nullish(v.record(v.string(), v.number()), () => ({})),
  DimensionExhausted: v.nullish(v.record(v.string(), v.number()), () => ({})),
  QuotaExhausted: list(v.string()),
  /** By task: what it asked for where that had run out. */
  ResourcesExhausted: v.exactOptional(v.nullable(v.record(v.string(), v.record(v.string(), v.number())))),
  ScoreMetaData: list(v.object({ NodeID: text, Scores: v.record(v.string(), v.number()), NormScore: number })),
  AllocationTime: nanoseconds,
  CoalescedFailures: integer,
});
export type AllocMetric = v.InferOutput<typeof AllocMetricSchema>;

/** What the scheduler wants. Written by the plan applier only. */
export const AllocSchema = v.object({
  ID: text,
  Namespace: text,
  EvalID: text,
  /** `job.group[index]` */
  Name: text,
  NodeID: text,
  NodeName: text,
  JobID: text,
  /** The job's version this allocation runs; the specification is kept under it. */
  JobVersion: integer,
  TaskGroup: text,
  AllocatedResources: AllocatedResourcesSchema,
  Metrics: block(AllocMetricSchema),
  DesiredStatus: v.picklist(["run", "stop", "evict"]),
  DesiredDescription: text,
  /** The servers gave its node up before the client could report an end: its status is `lost`. */
  Lost: flag,
  /** Stop but keep the disk, restart in place, or move: set by drains and by users. */
  DesiredTransition: v.nullish(
    v.object({
      Migrate: flag,
      /** With `Migrate`: nothing takes its place (batch work that a drain ended). */
      MigrateDisablePlacement: flag,
      Reschedule: flag,
      ForceReschedule: flag,
      NoShutdownDelay: flag,
    }),
    () => ({
      Migrate: false,
      MigrateDisablePlacement: false,
      Reschedule: false,
      ForceReschedule: false,
      NoShutdownDelay: false,
    }),
  ),
  DeploymentID: text,
  /** Its health as a person set it for its deployment: stands above what the client reports. */
  DeploymentHealth: v.nullish(v.object({ Healthy: v.boolean(), Timestamp: nanoseconds }), null),
  Canary: flag,
  PreviousAllocation: text,
  NextAllocation: text,
  RescheduleTracker: v.nullish(
    v.object({
      Events: list(v.object({ RescheduleTime: nanoseconds, PrevAllocID: text, PrevNodeID: text, Delay: nanoseconds })),
      /** `ok`; empty in records of earlier versions. */
      LastReschedule: text,
    }),
    null,
  ),
  FollowupEvalID: text,
  /** What the servers said of it while its node was out of reach: `ClientStatus` became `unknown`, then `running` again. */
  AllocStates: v.nullish(v.array(v.object({ Field: text, Value: text, Time: nanoseconds })), null),
  PreemptedByAllocation: text,
  /** Whom it took the place of; null: nobody. */
  PreemptedAllocations: v.nullish(v.array(v.string()), null),
  /** Nanoseconds since the epoch. */
  CreateTime: nanoseconds,
  ModifyTime: nanoseconds,
});
export type Alloc = v.InferOutput<typeof AllocSchema>;

export const TaskEventSchema = v.object({
  /** `Received`, `Task Setup`, `Driver`, `Started`, `Terminated`, `Restarting`, `Killing`, `Killed`, `Driver Failure`, … */
  Type: text,
  Time: nanoseconds,
  DisplayMessage: text,
  Details: textMap,
  Message: text,
  ExitCode: integer,
  Signal: integer,
  FailsTask: flag,
});
export type TaskEvent = v.InferOutput<typeof TaskEventSchema>;

export const TaskStateSchema = v.object({
  State: v.picklist(["pending", "running", "dead"]),
  Failed: flag,
  Restarts: integer,
  LastRestart: nanoseconds,
  StartedAt: nanoseconds,
  FinishedAt: nanoseconds,
  /** The last ten, oldest first. */
  Events: list(TaskEventSchema),
  TaskHandle: v.nullish(v.unknown(), null),
});
export type TaskState = v.InferOutput<typeof TaskStateSchema>;

/** What the node's client reports. Written for that node only. */
export const AllocReportSchema = v.object({
  AllocID: text,
  NodeID: text,
  ClientStatus: v.picklist(["pending", "running", "complete", "failed", "lost", "unknown"]),
  ClientDescription: text,
  TaskStates: v.nullish(v.record(v.string(), TaskStateSchema), () => ({})),
  /** Health for deployments: null until it is known. */
  DeploymentStatus: v.nullish(v.object({ Healthy: optionalFlag, Timestamp: nanoseconds }), null),
  /** The deployment that health was found for; empty in reports of earlier versions. */
  DeploymentID: text,
  NetworkStatus: v.nullish(
    v.object({ InterfaceName: text, Address: text, AddressIPv6: text, DNS: v.nullish(v.unknown(), null) }),
    null,
  ),
  ModifyTime: nanoseconds,
  /** Set by the servers: the time in `AllocStates` since which it was unknown when this report came in; 0: it was not. */
  UnknownSince: nanoseconds,
});
export type AllocReport = v.InferOutput<typeof AllocReportSchema>;

export function isTerminalClientStatus(status: AllocClientStatus): boolean {
  return status === "complete" || status === "failed" || status === "lost";
}
