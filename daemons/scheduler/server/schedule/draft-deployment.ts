import type { Deployment, DeploymentState } from "#base/protocol/deployment.ts";
import type { Job } from "#base/protocol/job.ts";
import { countedGroups } from "../deploy/assess.ts";
import type { Decision } from "../reconcile/decision.ts";
import type { Situation } from "../reconcile/situation.ts";
import { isActive } from "../reconcile/standing.ts";
import type { PlanDraft } from "./plan-draft.ts";
import type { ScheduleDeps, ScheduleRequest } from "./request.ts";

interface Step {
  readonly request: ScheduleRequest;
  readonly situation: Situation;
  readonly decision: Decision;
  readonly draft: PlanDraft;
}

/** Ends deployments of other versions and starts this version's; returns the one that placements belong to. */
export function draftDeployments(deps: ScheduleDeps, step: Step): Deployment | undefined {
  const { state } = deps;
  const { request, situation, decision, draft } = step;
  const { Namespace, JobID } = request.evaluation;
  const { job, nowNs } = situation;
  const over = job === undefined || job.Stop;
  for (const { value, modifyIndex } of state.jobDeployments(Namespace, JobID)) {
    if (!isActive(value.Status) || (!over && value.ID === situation.deployment?.ID)) continue;
    const StatusDescription = over ? "Cancelled because job is stopped" : "Cancelled due to newer version of job";
    const TaskGroups = countedGroups(value, state.deploymentAllocs(value.ID));
    const deployment: Deployment = { ...value, TaskGroups, Status: "cancelled", StatusDescription, ModifyTime: nowNs };
    draft.deployments.push({ deployment, modifyIndex });
  }
  if (over) return undefined;
  if (decision.deployment !== undefined) return newDeployment(deps, step, { job, groups: decision.deployment });
  const { deployment } = situation;
  if (deployment === undefined || !isActive(deployment.Status)) return undefined;
  return withTotals(deps, step, deployment);
}

/** Nodes come and go while a system job is rolled out: what it aims at follows them. */
function withTotals({ state }: ScheduleDeps, { decision, draft, situation }: Step, deployment: Deployment): Deployment {
  const changed = Object.entries(deployment.TaskGroups).flatMap(([name, group]): [string, DeploymentState][] => {
    const total = decision.totals[name];
    return total === undefined || total === group.DesiredTotal ? [] : [[name, { ...group, DesiredTotal: total }]];
  });
  if (changed.length === 0) return deployment;
  const TaskGroups = { ...deployment.TaskGroups, ...Object.fromEntries(changed) };
  const next: Deployment = { ...deployment, TaskGroups, ModifyTime: situation.nowNs };
  draft.deployments.push({ deployment: next, modifyIndex: state.deploymentById(deployment.ID)?.modifyIndex ?? 0 });
  return next;
}

function newDeployment(
  { state, random }: ScheduleDeps,
  { request, situation, draft }: Step,
  of: { readonly job: Job; readonly groups: Record<string, DeploymentState> },
): Deployment {
  const { Namespace, JobID, Priority } = request.evaluation;
  const row = state.job(Namespace, JobID);
  const created: Deployment = {
    ID: random.uuid(),
    Namespace,
    JobID,
    JobVersion: of.job.Version,
    JobModifyIndex: row?.modifyIndex ?? 0,
    JobSpecModifyIndex: row?.modifyIndex ?? 0,
    JobCreateIndex: situation.jobCreateIndex,
    TaskGroups: of.groups,
    Status: "running",
    StatusDescription: runningDescription(Object.values(of.groups)),
    EvalPriority: Priority,
    CreateTime: situation.nowNs,
    ModifyTime: situation.nowNs,
  };
  draft.deployments.push({ deployment: created, modifyIndex: 0 });
  return created;
}

/** What a running deployment waits for. */
export function runningDescription(groups: readonly DeploymentState[]): string {
  const open = groups.filter(({ DesiredCanaries, Promoted }) => DesiredCanaries > 0 && !Promoted);
  if (open.length === 0) return "Deployment is running";
  return open.every(({ AutoPromote }) => AutoPromote)
    ? "Deployment is running pending automatic promotion"
    : "Deployment is running but requires manual promotion";
}
