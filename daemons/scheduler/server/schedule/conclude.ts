import type { Deployment } from "#base/protocol/deployment.ts";
import type { Evaluation } from "#base/protocol/evaluation.ts";
import type { Decision } from "../reconcile/decision.ts";
import type { Situation } from "../reconcile/situation.ts";
import { newEvaluation } from "../evaluation.ts";
import type { Plan } from "../plan.ts";
import type { PlanDraft } from "./plan-draft.ts";
import type { GroupFailure, ScheduleDeps, ScheduleRequest } from "./request.ts";

interface Outcome {
  readonly request: ScheduleRequest;
  readonly situation: Situation;
  readonly decision: Decision;
  readonly draft: PlanDraft;
  readonly failures: ReadonlyMap<string, GroupFailure>;
  /** What the placements belong to; who waits for the evaluation goes on with it. */
  readonly deployment: Deployment | undefined;
}

/** Closes the evaluation: done, or done with a blocked one left behind that waits for room. */
export function conclude(deps: ScheduleDeps, outcome: Outcome): Plan {
  const { request, decision, draft } = outcome;
  const result = resultOf(deps, outcome);
  return {
    evaluation: request.evaluation,
    evalModifyIndex: request.evalModifyIndex,
    creates: draft.creates,
    changes: draft.changes,
    bases: draft.bases,
    deployments: draft.deployments,
    result,
    evaluations: draft.evaluations,
    annotations: decision.desired,
    allAtOnce: outcome.situation.job?.AllAtOnce ?? false,
  };
}

function resultOf({ state, random }: ScheduleDeps, outcome: Outcome): Evaluation | undefined {
  const { request, draft } = outcome;
  const { evaluation, nowNs } = request;
  const account = accountOf(outcome);
  const wasBlocked = evaluation.Status === "blocked";
  if (account.failed && wasBlocked) {
    const again: Evaluation = { ...evaluation, ...account.fields, SnapshotIndex: state.index, ModifyTime: nowNs };
    return sameAccount(evaluation, again) ? undefined : again;
  }
  const older = state
    .jobEvals(evaluation.Namespace, evaluation.JobID)
    .filter(({ value }) => value.Status === "blocked");
  for (const { value } of older) {
    if (value.ID === evaluation.ID) continue;
    const why = `superseded by evaluation ${evaluation.ID}`;
    draft.evaluations.push({ ...value, Status: "canceled", StatusDescription: why, ModifyTime: nowNs });
  }
  const done: Evaluation = {
    ...evaluation,
    ...account.fields,
    DeploymentID: outcome.deployment?.ID ?? evaluation.DeploymentID,
    Status: "complete",
    StatusDescription: "",
    ModifyTime: nowNs,
  };
  if (!account.failed) return { ...done, SnapshotIndex: state.index };
  const blocked = newEvaluation({
    id: random.uuid(),
    namespace: evaluation.Namespace,
    jobId: evaluation.JobID,
    type: evaluation.Type,
    priority: evaluation.Priority,
    trigger: "queued-allocs",
    nowNs,
    fields: {
      ...account.fields,
      Status: "blocked",
      StatusDescription: "created to place remaining allocations",
      PreviousEval: evaluation.ID,
      SnapshotIndex: state.index,
    },
  });
  draft.evaluations.push(blocked);
  return { ...done, BlockedEval: blocked.ID, SnapshotIndex: state.index };
}

interface Account {
  readonly failed: boolean;
  readonly fields: Pick<Evaluation, "FailedTGAllocs" | "QueuedAllocations" | "ClassEligibility">;
}

function accountOf({ situation, failures }: Outcome): Account {
  const FailedTGAllocs: Evaluation["FailedTGAllocs"] = {};
  const QueuedAllocations: Record<string, number> = {};
  const ClassEligibility: Record<string, boolean> = {};
  for (const group of situation.job?.Stop === false ? situation.job.TaskGroups : []) {
    QueuedAllocations[group.Name] = failures.get(group.Name)?.queued ?? 0;
  }
  for (const [name, failure] of failures) {
    FailedTGAllocs[name] = failure.metric;
    for (const [computedClass, eligible] of Object.entries(failure.classEligibility)) {
      ClassEligibility[computedClass] = eligible || (ClassEligibility[computedClass] ?? false);
    }
  }
  return { failed: failures.size > 0, fields: { FailedTGAllocs, QueuedAllocations, ClassEligibility } };
}

/** A blocked evaluation that was tried in vain and failed for the same reasons need not be written again. */
function sameAccount(a: Evaluation, b: Evaluation): boolean {
  return (
    JSON.stringify([a.FailedTGAllocs, a.QueuedAllocations, a.ClassEligibility]) ===
    JSON.stringify([b.FailedTGAllocs, b.QueuedAllocations, b.ClassEligibility])
  );
}
