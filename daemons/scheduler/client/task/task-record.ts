import * as v from "valibot";
import { TaskStateSchema } from "#base/protocol/alloc.ts";

/** A driver's handle as it is kept on disk; the driver checks its own part. */
export const TaskHandleSchema = v.object({
  driver: v.string(),
  version: v.number(),
  taskId: v.string(),
  state: v.record(v.string(), v.unknown()),
  network: v.exactOptional(v.object({ ip: v.string(), portMap: v.record(v.string(), v.number()) })),
});

/** Where a task stands. `attempt` is the id the driver knows it by. */
export const TaskPhaseSchema = v.variant("kind", [
  v.object({ kind: v.literal("waiting") }),
  v.object({ kind: v.literal("starting"), attempt: v.string(), stopWanted: v.boolean() }),
  v.object({ kind: v.literal("running"), handle: TaskHandleSchema }),
  v.object({ kind: v.literal("stopping"), handle: TaskHandleSchema, then: v.picklist(["dead", "restart", "again"]) }),
  v.object({ kind: v.literal("pausing") }),
  v.object({ kind: v.literal("dead") }),
]);
export type TaskPhase = v.InferOutput<typeof TaskPhaseSchema>;

/** All that is known of a task; also its form on disk. */
export const TaskRecordSchema = v.object({
  phase: TaskPhaseSchema,
  state: TaskStateSchema,
  restarts: v.object({ count: v.number(), sinceNs: v.number() }),
});
export type TaskRecord = v.InferOutput<typeof TaskRecordSchema>;
