import * as v from "valibot";
import { flag, integer, nanoseconds, text } from "./schema.ts";
import { AllocMetricSchema } from "./alloc.ts";

export type EvalTrigger =
  | "job-register"
  | "job-deregister"
  | "job-scaling"
  | "periodic-job"
  | "node-update"
  | "node-drain"
  | "alloc-stop"
  | "alloc-failure"
  | "queued-allocs"
  | "deployment-watcher"
  | "rolling-update"
  | "failed-follow-up"
  | "max-plan-attempts"
  | "preemption"
  | "reconnect"
  | "max-disconnect-timeout"
  | "scheduled";

/** https://developer.hashicorp.com/nomad/api-docs/evaluations */
export const EvaluationSchema = v.object({
  ID: text,
  Namespace: text,
  Priority: integer,
  Type: text,
  TriggeredBy: text,
  JobID: text,
  JobModifyIndex: integer,
  NodeID: text,
  NodeModifyIndex: integer,
  DeploymentID: text,
  Status: v.picklist(["blocked", "pending", "complete", "failed", "canceled"]),
  StatusDescription: text,
  /** Not before this time (nanoseconds since the epoch); 0: at once. */
  WaitUntil: nanoseconds,
  NextEval: text,
  PreviousEval: text,
  BlockedEval: text,
  RelatedEvals: v.nullish(v.array(v.unknown()), () => []),
  /** By task group: what could not be placed, and why. */
  FailedTGAllocs: v.nullish(v.record(v.string(), AllocMetricSchema), () => ({})),
  QueuedAllocations: v.nullish(v.record(v.string(), v.number()), () => ({})),
  ClassEligibility: v.nullish(v.record(v.string(), v.boolean()), () => ({})),
  EscapedComputedClass: flag,
  AnnotatePlan: flag,
  SnapshotIndex: integer,
  CreateTime: nanoseconds,
  ModifyTime: nanoseconds,
});
export type Evaluation = v.InferOutput<typeof EvaluationSchema>;
