import type { Job, TaskGroup } from "#base/protocol/job.ts";
import { askOf } from "../place/ask.ts";
import { newMetric } from "../place/metric.ts";
import type { NodeTable } from "../place/node-table.ts";
import { screen } from "../place/screen.ts";
import type { Plan } from "../plan.ts";
import { reconcile } from "../reconcile/reconcile.ts";
import { PlanDraft } from "./plan-draft.ts";
import { conclude } from "./conclude.ts";
import { draftDeployments } from "./draft-deployment.ts";
import { followUpLater } from "./follow-ups.ts";
import { placeAll } from "./place-all.ts";
import type { GroupFailure, ScheduleDeps, ScheduleRequest } from "./request.ts";
import { situationOf } from "./situation-of.ts";

/**
 * One evaluation from question to plan: what should change (reconcile), where it goes (place), what is left to do
 * later (follow-ups, a blocked evaluation). Reads state, writes nothing; the table is as before when it returns.
 */
export function schedule(deps: ScheduleDeps, request: ScheduleRequest): Plan {
  return deps.table.trial(() => {
    const situation = situationOf(deps.state, request, deps.table);
    const decision = reconcile(situation, (group) => feasibleNodes(deps.table, situation.job, group));
    const draft = new PlanDraft(request.nowNs);
    const deployment = draftDeployments(deps, { request, situation, decision, draft });
    for (const stop of decision.stops) draft.stop(stop);
    for (const known of decision.updates)
      draft.update(known, { job: situation.job, deploymentId: deployment?.ID ?? "" });
    for (const known of decision.unknown) draft.lose(known);
    for (const known of decision.reconnects) draft.find(known);
    followUpLater(deps, { request, decision, draft });
    const failures =
      situation.job === undefined
        ? new Map<string, GroupFailure>()
        : placeAll(deps, { request, job: situation.job, decision, situation, draft, deployment });
    return conclude(deps, { request, situation, decision, draft, failures, deployment });
  });
}

function feasibleNodes(table: NodeTable, job: Job | undefined, group: TaskGroup): string[] {
  if (job === undefined) return [];
  const slots = screen({ table, job, group, ask: askOf(group) }, newMetric());
  return slots.map((slot) => table.at(slot)?.id ?? "");
}
