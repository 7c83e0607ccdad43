import * as v from "valibot";
import { AllocMetricSchema, AllocReportSchema, AllocSchema, TaskStateSchema } from "#base/protocol/alloc.ts";
import { DeploymentSchema } from "#base/protocol/deployment.ts";
import { EvaluationSchema } from "#base/protocol/evaluation.ts";
import { JobSchema } from "#base/protocol/job.ts";
import { NodeSchema } from "#base/protocol/node.ts";
import { anyMap, block, flag, integer, list, number, optionalFlag, text, texts } from "#base/protocol/schema.ts";

/**
 * What the Nomad API answers, as far as our programs read it (https://developer.hashicorp.com/nomad/api-docs).
 * Read leniently: a field that is missing takes its empty value, so that servers of other versions can be read too.
 */
const indexes = { CreateIndex: integer, ModifyIndex: integer };
/** Times are RFC 3339 text here. */
const TaskStateAnswerSchema = v.object({
  ...TaskStateSchema.entries,
  LastRestart: text,
  StartedAt: text,
  FinishedAt: text,
});
const states = v.nullish(v.record(v.string(), TaskStateAnswerSchema), () => ({}));
const { ClientStatus, ClientDescription, NetworkStatus } = AllocReportSchema.entries;
const DeploymentStatus = v.nullish(v.object({ Healthy: optionalFlag, Timestamp: text, Canary: flag }), null);

export const JobAnswerSchema = v.object({ ...JobSchema.entries, ...indexes, Status: text, JobModifyIndex: integer });
export type JobAnswer = v.InferOutput<typeof JobAnswerSchema>;

/** Allocations of a group by state. */
const GroupSummarySchema = v.object({
  Queued: integer,
  Starting: integer,
  Running: integer,
  Complete: integer,
  Failed: integer,
  Lost: integer,
  Unknown: integer,
});
export const JobSummarySchema = v.object({
  JobID: text,
  Namespace: text,
  Summary: v.nullish(v.record(v.string(), GroupSummarySchema), () => ({})),
});
export type JobSummary = v.InferOutput<typeof JobSummarySchema>;

export const JobStubSchema = v.object({
  ID: text,
  ParentID: text,
  Name: text,
  Namespace: text,
  Type: text,
  Priority: integer,
  Periodic: flag,
  ParameterizedJob: flag,
  Stop: flag,
  Status: text,
  SubmitTime: integer,
  JobSummary: block(JobSummarySchema),
});
export type JobStub = v.InferOutput<typeof JobStubSchema>;

export const RegisterAnswerSchema = v.object({
  EvalID: text,
  EvalCreateIndex: integer,
  JobModifyIndex: integer,
  Warnings: text,
});
export type RegisterAnswer = v.InferOutput<typeof RegisterAnswerSchema>;

export const ValidateAnswerSchema = v.object({
  DriverConfigValidated: flag,
  ValidationErrors: texts,
  Error: text,
  Warnings: text,
});
export type ValidateAnswer = v.InferOutput<typeof ValidateAnswerSchema>;

export const FieldDiffSchema = v.object({ Type: text, Name: text, Old: text, New: text, Annotations: texts });
export type FieldDiff = v.InferOutput<typeof FieldDiffSchema>;

export interface ObjectDiff {
  readonly Type: string;
  readonly Name: string;
  readonly Fields: readonly FieldDiff[];
  readonly Objects: readonly ObjectDiff[];
}
export const ObjectDiffSchema: v.GenericSchema<unknown, ObjectDiff> = v.object({
  Type: text,
  Name: text,
  Fields: list(FieldDiffSchema),
  Objects: v.nullish(v.array(v.lazy(() => ObjectDiffSchema)), () => []),
});

const diffed = { Type: text, Fields: list(FieldDiffSchema), Objects: list(ObjectDiffSchema) };
export const TaskDiffSchema = v.object({ ...diffed, Name: text, Annotations: texts });
export type TaskDiff = v.InferOutput<typeof TaskDiffSchema>;
export const GroupDiffSchema = v.object({
  ...diffed,
  Name: text,
  Tasks: list(TaskDiffSchema),
  /** How many allocations are to be created, destroyed, migrated … */
  Updates: v.nullish(v.record(v.string(), v.number()), () => ({})),
});
export type GroupDiff = v.InferOutput<typeof GroupDiffSchema>;
export const JobDiffSchema = v.object({ ...diffed, ID: text, TaskGroups: list(GroupDiffSchema) });
export type JobDiff = v.InferOutput<typeof JobDiffSchema>;

const WhatIfAnswerSchema = v.object({
  Without: list(v.object({ ID: text, Name: text })),
  With: list(v.object({ Name: text, Arch: text, Datacenter: text, CPU: number, MemoryMB: number, DiskMB: number })),
  Placements: list(v.object({ Name: text, TaskGroup: text, NodeName: text, PreviousNode: text, Evicts: integer })),
  Stops: list(v.object({ Name: text, TaskGroup: text, NodeName: text, Reason: text })),
  Blocked: list(v.object({ TaskGroup: text, Missing: integer, SmallestChange: text })),
  Staying: integer,
  Others: list(v.object({ Namespace: text, JobID: text, Allocations: integer })),
});
export type WhatIfAnswer = v.InferOutput<typeof WhatIfAnswerSchema>;

export const PlanAnswerSchema = v.object({
  Annotations: v.nullish(
    v.object({ DesiredTGUpdates: v.nullish(v.record(v.string(), v.record(v.string(), v.number())), () => ({})) }),
    null,
  ),
  FailedTGAllocs: v.nullish(v.record(v.string(), AllocMetricSchema), () => ({})),
  JobModifyIndex: integer,
  CreatedEvals: list(v.unknown()),
  Diff: block(JobDiffSchema),
  NextPeriodicLaunch: v.nullish(v.string(), ""),
  Warnings: text,
  /** Ours: only where it was asked for. */
  WhatIf: v.optional(WhatIfAnswerSchema),
});
export type PlanAnswer = v.InferOutput<typeof PlanAnswerSchema>;

export const EvalAnswerSchema = v.object({ ...EvaluationSchema.entries, WaitUntil: text, ...indexes });
export type EvalAnswer = v.InferOutput<typeof EvalAnswerSchema>;

export const DeploymentAnswerSchema = v.object({ ...DeploymentSchema.entries, ...indexes });
export type DeploymentAnswer = v.InferOutput<typeof DeploymentAnswerSchema>;

export const AllocStubSchema = v.object({
  ID: text,
  EvalID: text,
  Name: text,
  Namespace: text,
  NodeID: text,
  NodeName: text,
  JobID: text,
  JobType: text,
  JobVersion: integer,
  TaskGroup: text,
  DesiredStatus: text,
  DesiredDescription: text,
  ClientStatus,
  ClientDescription,
  DeploymentStatus,
  TaskStates: states,
  FollowupEvalID: text,
  CreateTime: integer,
  ModifyTime: integer,
  ...indexes,
});
export type AllocStub = v.InferOutput<typeof AllocStubSchema>;

export const AllocAnswerSchema = v.pipe(
  v.object({
    ...AllocSchema.entries,
    AllocStates: v.nullish(v.array(v.object({ Field: text, Value: text, Time: text })), null),
    ClientStatus,
    ClientDescription,
    DeploymentStatus,
    NetworkStatus,
    TaskStates: states,
    Job: block(JobAnswerSchema),
    ...indexes,
  }),
  // The API says it in the job alone.
  v.transform((alloc) => ({ ...alloc, JobVersion: alloc.Job?.Version ?? alloc.JobVersion })),
);
export type AllocAnswer = v.InferOutput<typeof AllocAnswerSchema>;

export const NodeStubSchema = v.object({
  ID: text,
  Name: text,
  Address: text,
  Datacenter: text,
  NodePool: text,
  NodeClass: text,
  Version: text,
  Drain: flag,
  SchedulingEligibility: text,
  Status: text,
  StatusDescription: text,
  ...indexes,
});
export type NodeStub = v.InferOutput<typeof NodeStubSchema>;

export const NodeAnswerSchema = v.object({
  ...NodeSchema.entries,
  Drain: flag,
  SchedulingEligibility: text,
  Status: text,
  StatusDescription: text,
  StatusUpdatedAt: integer,
  Events: list(v.object({ Message: text, Subsystem: text, Timestamp: text })),
  ...indexes,
});
export type NodeAnswer = v.InferOutput<typeof NodeAnswerSchema>;

export const NodeEvalAnswerSchema = v.object({ EvalIDs: texts, EvalCreateIndex: integer, NodeModifyIndex: integer });

export const AgentSelfSchema = v.object({
  config: anyMap,
  member: v.nullish(v.object({ Name: text, Addr: text, Port: integer, Status: text, Tags: anyMap }), null),
  stats: v.nullish(v.record(v.string(), v.record(v.string(), v.unknown())), () => ({})),
});
export const AgentMembersSchema = v.object({
  ServerName: text,
  ServerRegion: text,
  ServerDC: text,
  Members: list(
    v.object({
      Name: text,
      Addr: text,
      Port: integer,
      Status: text,
      Tags: v.nullish(v.record(v.string(), v.string()), () => ({})),
    }),
  ),
});
export const EvalIdSchema = v.object({ EvalID: text, EvalCreateIndex: integer });
