import type { Deployment } from "#base/protocol/deployment.ts";
import type { Decision } from "../reconcile/decision.ts";
import type { Situation } from "../reconcile/situation.ts";
import { isActive } from "../reconcile/sort-allocs.ts";
import type { PlanDraft } from "./plan-draft.ts";
import type { ScheduleDeps, ScheduleRequest } from "./request.ts";

interface Step {
  readonly request: ScheduleRequest;
  readonly situation: Situation;
  readonly decision: Decision;
  readonly draft: PlanDraft;
}

/** Ends deployments of other versions and starts this version's; returns the one that placements belong to. */
export function draftDeployments({ state, random }: ScheduleDeps, step: Step): Deployment | undefined {
  const { request, situation, decision, draft } = step;
  const { Namespace, JobID, Priority } = request.evaluation;
  const { job, nowNs } = situation;
  const over = job === undefined || job.Stop;
  for (const { value } of state.jobDeployments(Namespace, JobID)) {
    if (!isActive(value.Status) || (!over && value.ID === situation.deployment?.ID)) continue;
    const why = over ? "Cancelled because job is stopped" : "Cancelled due to newer version of job";
    draft.deployments.push({ ...value, Status: "cancelled", StatusDescription: why, ModifyTime: nowNs });
  }
  if (over) return undefined;
  const { deployment } = situation;
  if (decision.deployment === undefined) {
    return deployment !== undefined && isActive(deployment.Status) ? deployment : undefined;
  }
  const canaries = Object.values(decision.deployment).some((state) => state.DesiredCanaries > 0 && !state.AutoPromote);
  const row = state.job(Namespace, JobID);
  const created: Deployment = {
    ID: random.uuid(),
    Namespace,
    JobID,
    JobVersion: job.Version,
    JobModifyIndex: row?.modifyIndex ?? 0,
    JobSpecModifyIndex: row?.modifyIndex ?? 0,
    JobCreateIndex: situation.jobCreateIndex,
    TaskGroups: decision.deployment,
    Status: "running",
    StatusDescription: canaries ? "Deployment is running but requires manual promotion" : "Deployment is running",
    EvalPriority: Priority,
    CreateTime: nowNs,
    ModifyTime: nowNs,
  };
  draft.deployments.push(created);
  return created;
}
