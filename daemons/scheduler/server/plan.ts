import type { Alloc } from "#base/protocol/alloc.ts";
import type { Deployment } from "#base/protocol/deployment.ts";
import type { Evaluation } from "#base/protocol/evaluation.ts";
import type { VolumeClaim } from "#base/protocol/host-volume.ts";
import type { DesiredUpdates } from "./reconcile/decision.ts";
import type { Usage } from "./place/usage.ts";

/** What one evaluation wants written. Nothing of it has happened yet. */
export interface Plan {
  readonly evaluation: Evaluation;
  /** Revision of the evaluation's record the plan was made from; 0 for a dry run. */
  readonly evalModifyIndex: number;
  readonly creates: readonly NewAlloc[];
  /** Changed records of existing allocations. */
  readonly changes: readonly Alloc[];
  /** Revisions of the records they were made from: a plan is made again where another wrote one of them meanwhile. */
  readonly bases: ReadonlyMap<string, number>;
  readonly deployments: readonly PlannedDeployment[];
  /** The evaluation's own result, and others it gave rise to. */
  readonly result: Evaluation | undefined;
  readonly evaluations: readonly Evaluation[];
  readonly annotations: Record<string, DesiredUpdates>;
  /** `all_at_once`: where one placement no longer fits, none is written. */
  readonly allAtOnce: boolean;
}

export interface PlannedDeployment {
  readonly deployment: Deployment;
  /** Revision of the record it was made from: written only while nobody else wrote it. 0: a new one. */
  readonly modifyIndex: number;
}

export interface NewAlloc {
  readonly alloc: Alloc;
  readonly usage: Usage;
  /** The record of the allocation it follows, changed because of it. */
  readonly previous: Alloc | undefined;
  /** That record as it becomes when this allocation is refused; undefined: it stays as it is. */
  readonly previousAlone: Alloc | undefined;
  /** The records of those it takes the place of, as they become, and evaluations of their jobs. */
  readonly evictions: readonly Eviction[];
  /** Volumes it keeps to from now on. */
  readonly claims: readonly VolumeClaim[];
}

export interface Eviction {
  readonly alloc: Alloc;
  readonly evaluation: Evaluation;
}

export function isEmptyPlan(plan: Plan): boolean {
  return (
    plan.result === undefined &&
    plan.creates.length + plan.changes.length + plan.deployments.length + plan.evaluations.length === 0
  );
}
