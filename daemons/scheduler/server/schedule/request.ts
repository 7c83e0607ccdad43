import type { Clock } from "#base/env/clock.ts";
import type { Random } from "#base/env/random.ts";
import type { AllocMetric } from "#base/protocol/alloc.ts";
import type { Deployment } from "#base/protocol/deployment.ts";
import type { Evaluation } from "#base/protocol/evaluation.ts";
import type { Job } from "#base/protocol/job.ts";
import type { ClusterState } from "../cluster-state.ts";
import type { NodeTable } from "../place/node-table.ts";
import type { Decision } from "../reconcile/decision.ts";
import type { NodeFate, Situation } from "../reconcile/situation.ts";
import type { PlanDraft } from "./plan-draft.ts";

export interface ScheduleDeps {
  readonly state: ClusterState;
  readonly table: NodeTable;
  readonly random: Random;
  /** Tells how long each placement took. Absent: nobody wants to know. */
  readonly clock?: Pick<Clock, "monotonicMs">;
}

export interface ScheduleRequest {
  readonly evaluation: Evaluation;
  readonly evalModifyIndex: number;
  readonly nowNs: number;
  /** A dry run: this specification instead of the stored one. */
  readonly proposed?: Job;
  /** A dry run: how these nodes stand, whatever is known of them. */
  readonly fates?: ReadonlyMap<string, NodeFate>;
}

export interface PlaceStep {
  readonly request: ScheduleRequest;
  readonly job: Job;
  readonly decision: Decision;
  readonly situation: Situation;
  readonly draft: PlanDraft;
  readonly deployment: Deployment | undefined;
}

/** What found no place, by group. */
export interface GroupFailure {
  readonly metric: AllocMetric;
  readonly queued: number;
  readonly classEligibility: Readonly<Record<string, boolean>>;
}
