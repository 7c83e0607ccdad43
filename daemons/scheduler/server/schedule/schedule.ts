import type { Clock } from "#base/env/clock.ts";
import type { Job, TaskGroup } from "#base/protocol/job.ts";
import { askOf } from "../place/ask.ts";
import { newMetric } from "../place/metric.ts";
import type { NodeTable } from "../place/node-table.ts";
import { screen } from "../place/screen.ts";
import type { Plan } from "../plan.ts";
import { reconcileSteps } from "../reconcile/reconcile.ts";
import { PlanDraft } from "./plan-draft.ts";
import { conclude } from "./conclude.ts";
import { draftDeployments } from "./draft-deployment.ts";
import { followUpLater } from "./follow-ups.ts";
import { placeAll, type Apart } from "./place-all.ts";
import type { GroupFailure, ScheduleDeps, ScheduleRequest } from "./request.ts";
import { situationOf } from "./situation-of.ts";
import { atOnce, inSlices, nextTurn, STRIDE, type Steps } from "./steps.ts";

/**
 * One evaluation from question to plan: what should change (reconcile), where it goes (place), what is left to do
 * later (follow-ups, a blocked evaluation). Reads state, writes nothing; the table is as before when it returns.
 */
export function schedule(deps: ScheduleDeps, request: ScheduleRequest): Plan {
  return deps.table.trial(() => atOnce(scheduleSteps(deps, request, undefined)));
}

/**
 * The same for a job of any size, without holding others up. While it works, and until its plan is applied, the room of
 * what it placed stays held in the table; `release` gives it back where the plan is not to be applied.
 */
export async function scheduleInSlices(
  deps: ScheduleDeps,
  request: ScheduleRequest,
  clock: Clock,
): Promise<{ readonly plan: Plan; readonly release: () => Promise<void> }> {
  const reserved: string[] = [];
  const release = async (): Promise<void> => {
    for (const [at, id] of reserved.entries()) {
      if (at > 0 && at % (STRIDE * 8) === 0) await nextTurn(clock);
      deps.table.drop(id);
    }
  };
  const watch = deps.table.watch();
  try {
    const steps = scheduleSteps(deps, request, { reserved, changed: () => watch.take() });
    return { plan: await inSlices(steps, clock), release };
  } catch (thrown) {
    await release();
    throw thrown;
  } finally {
    watch.end();
  }
}

function* scheduleSteps(deps: ScheduleDeps, request: ScheduleRequest, apart: Apart | undefined): Steps<Plan> {
  const situation = yield* situationOf(deps.state, request, deps.table);
  const decision = yield* reconcileSteps(situation, (group) => feasibleNodes(deps.table, situation.job, group));
  const draft = new PlanDraft(request.nowNs);
  const deployment = draftDeployments(deps, { request, situation, decision, draft });
  for (const [at, stop] of decision.stops.entries()) {
    if (at % STRIDE === 0) yield;
    draft.stop(stop);
  }
  for (const [at, known] of decision.updates.entries()) {
    if (at % STRIDE === 0) yield;
    draft.update(known, { job: situation.job, deploymentId: deployment?.ID ?? "" });
  }
  for (const known of decision.unknown) draft.lose(known);
  for (const known of decision.reconnects) draft.find(known);
  followUpLater(deps, { request, decision, draft });
  const { job } = situation;
  const step = { request, decision, situation, draft, deployment };
  const failures = job === undefined ? NOTHING : yield* placeAll(deps, { ...step, job }, apart);
  return conclude(deps, { ...step, failures });
}

const NOTHING: ReadonlyMap<string, GroupFailure> = new Map();

function feasibleNodes(table: NodeTable, job: Job | undefined, group: TaskGroup): string[] {
  if (job === undefined) return [];
  const slots = screen({ table, job, group, ask: askOf(job, group) }, newMetric());
  return slots.map((slot) => table.at(slot)?.id ?? "");
}
