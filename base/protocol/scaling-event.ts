import * as v from "valibot";
import { anyMap, flag, nanoseconds, optionalInteger, text } from "./schema.ts";

/** Why a group's count was, or was not, changed. https://developer.hashicorp.com/nomad/api-docs/jobs#read-job-scale-status */
export const ScalingEventSchema = v.object({
  Time: nanoseconds,
  /** Null: nothing was asked for, somebody only had something to say. */
  Count: optionalInteger,
  PreviousCount: optionalInteger,
  Message: text,
  Error: flag,
  Meta: anyMap,
  EvalID: text,
});
export type ScalingEvent = v.InferOutput<typeof ScalingEventSchema>;

/** A job's events by group, newest first. */
export const JobScalingSchema = v.object({
  Groups: v.nullish(v.record(v.string(), v.array(ScalingEventSchema)), () => ({})),
});
export type JobScaling = v.InferOutput<typeof JobScalingSchema>;
