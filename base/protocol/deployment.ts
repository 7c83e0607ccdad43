import * as v from "valibot";
import { flag, integer, nanoseconds, text, texts } from "./schema.ts";

export const DeploymentStateSchema = v.object({
  PlacedCanaries: texts,
  AutoRevert: flag,
  AutoPromote: flag,
  ProgressDeadline: nanoseconds,
  RequireProgressBy: text,
  Promoted: flag,
  DesiredCanaries: integer,
  DesiredTotal: integer,
  PlacedAllocs: integer,
  HealthyAllocs: integer,
  UnhealthyAllocs: integer,
});
export type DeploymentState = v.InferOutput<typeof DeploymentStateSchema>;

/** https://developer.hashicorp.com/nomad/api-docs/deployments */
export const DeploymentSchema = v.object({
  ID: text,
  Namespace: text,
  JobID: text,
  JobVersion: integer,
  JobModifyIndex: integer,
  JobSpecModifyIndex: integer,
  JobCreateIndex: integer,
  TaskGroups: v.record(v.string(), DeploymentStateSchema),
  Status: v.picklist([
    "initializing",
    "running",
    "paused",
    "failed",
    "successful",
    "cancelled",
    "pending",
    "blocked",
    "unblocking",
  ]),
  StatusDescription: text,
  EvalPriority: integer,
  CreateTime: nanoseconds,
  ModifyTime: nanoseconds,
});
export type Deployment = v.InferOutput<typeof DeploymentSchema>;
