import type { Evaluation, EvalTrigger } from "#base/protocol/evaluation.ts";

export interface NewEval {
  readonly id: string;
  readonly namespace: string;
  readonly jobId: string;
  readonly type: string;
  readonly priority: number;
  readonly trigger: EvalTrigger;
  readonly nowNs: number;
  readonly fields?: Partial<Evaluation>;
}

/** A pending evaluation. */
export function newEvaluation({ id, namespace, jobId, type, priority, trigger, nowNs, fields }: NewEval): Evaluation {
  return {
    ID: id,
    Namespace: namespace,
    Priority: priority,
    Type: type,
    TriggeredBy: trigger,
    JobID: jobId,
    JobModifyIndex: 0,
    NodeID: "",
    NodeModifyIndex: 0,
    DeploymentID: "",
    Status: "pending",
    StatusDescription: "",
    WaitUntil: 0,
    NextEval: "",
    PreviousEval: "",
    BlockedEval: "",
    RelatedEvals: [],
    FailedTGAllocs: {},
    QueuedAllocations: {},
    ClassEligibility: {},
    EscapedComputedClass: false,
    AnnotatePlan: false,
    SnapshotIndex: 0,
    CreateTime: nowNs,
    ModifyTime: nowNs,
    ...fields,
  };
}
