import type { Evaluation } from "#base/protocol/evaluation.ts";
import type { Row } from "#base/state/table.ts";
import { timeText } from "./time.ts";

/** https://developer.hashicorp.com/nomad/api-docs/evaluations */
export function evalAnswer({ value, createIndex, modifyIndex }: Row<Evaluation>) {
  // A registration and its evaluation share a revision, which nobody knew when they were written.
  const registered = value.TriggeredBy === "job-register" || value.TriggeredBy === "job-deregister";
  return {
    ...value,
    JobModifyIndex: value.JobModifyIndex === 0 && registered ? createIndex : value.JobModifyIndex,
    Wait: 0,
    WaitUntil: timeText(value.WaitUntil),
    CreateIndex: createIndex,
    ModifyIndex: modifyIndex,
  };
}
