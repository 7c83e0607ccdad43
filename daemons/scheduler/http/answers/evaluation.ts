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

/** As much as a list of related evaluations tells of each. */
export function evalStub(row: Row<Evaluation>) {
  const { value, createIndex, modifyIndex } = row;
  return {
    ID: value.ID,
    Namespace: value.Namespace,
    Priority: value.Priority,
    Type: value.Type,
    TriggeredBy: value.TriggeredBy,
    JobID: value.JobID,
    NodeID: value.NodeID,
    DeploymentID: value.DeploymentID,
    Status: value.Status,
    StatusDescription: value.StatusDescription,
    WaitUntil: timeText(value.WaitUntil),
    NextEval: value.NextEval,
    PreviousEval: value.PreviousEval,
    BlockedEval: value.BlockedEval,
    CreateTime: value.CreateTime,
    ModifyTime: value.ModifyTime,
    CreateIndex: createIndex,
    ModifyIndex: modifyIndex,
  };
}
