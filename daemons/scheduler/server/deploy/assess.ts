import type { Deployment, DeploymentState } from "#base/protocol/deployment.ts";
import { isClientTerminal, type KnownAlloc } from "../alloc-state.ts";
import { isActive } from "../reconcile/standing.ts";
import { healthOf } from "../health.ts";

export type Verdict =
  | { readonly kind: "successful" }
  | { readonly kind: "failed"; readonly reason: string }
  /** All canaries are healthy, and the job says that is enough. */
  | { readonly kind: "promote" }
  /** Not decided: look again at `atNs` (0: only when something changes). */
  | { readonly kind: "wait"; readonly atNs: number };

/** A deployment's groups with the counts its allocations give them now, or gave them when it ended. */
export function countedGroups(deployment: Deployment, allocs: readonly KnownAlloc[]): Record<string, DeploymentState> {
  if (!isActive(deployment.Status)) return deployment.TaskGroups;
  const groups: Record<string, DeploymentState> = {};
  const byGroup = Map.groupBy(allocs, ({ alloc }) => alloc.TaskGroup);
  for (const [name, state] of Object.entries(deployment.TaskGroups)) {
    const own = byGroup.get(name) ?? [];
    const canaries = own.filter(({ alloc }) => alloc.Canary).map(({ alloc }) => alloc.ID);
    const by = progressDeadline(deployment, state, own);
    groups[name] = {
      ...state,
      PlacedCanaries: canaries.length > 0 ? canaries : state.PlacedCanaries,
      PlacedAllocs: own.length,
      HealthyAllocs: own.filter(isHealthy).length,
      UnhealthyAllocs: own.filter((known) => healthOf(known).Healthy === false).length,
      RequireProgressBy: by === 0 ? "" : new Date(by / 1e6).toISOString(),
    };
  }
  return groups;
}

/**
 * Whether a deployment is done, has failed or goes on.
 * https://developer.hashicorp.com/nomad/docs/job-specification/update
 */
export function assess(deployment: Deployment, allocs: readonly KnownAlloc[], nowNs: number): Verdict {
  const groups = Object.entries(countedGroups(deployment, allocs));
  if (promotesItself(groups, allocs)) return { kind: "promote" };
  if (groups.every(([, state]) => isComplete(state))) return { kind: "successful" };
  let atNs = 0;
  for (const [name, state] of groups) {
    if (isComplete(state)) continue;
    if (state.ProgressDeadline === 0) {
      if (state.UnhealthyAllocs > 0) return { kind: "failed", reason: "Failed due to unhealthy allocations" };
      continue;
    }
    const own = allocs.filter(({ alloc }) => alloc.TaskGroup === name);
    // Waiting for a person is no lack of progress.
    if (needsPromotion(state) && canariesHealthy(state, own)) continue;
    const by = progressDeadline(deployment, deployment.TaskGroups[name] ?? state, own);
    if (by === 0) continue;
    if (by <= nowNs) return { kind: "failed", reason: "Failed due to progress deadline" };
    if (atNs === 0 || by < atNs) atNs = by;
  }
  return { kind: "wait", atNs };
}

export function isHealthy(known: KnownAlloc): boolean {
  return healthOf(known).Healthy === true && known.alloc.DesiredStatus === "run" && !isClientTerminal(known);
}

/** Of several groups with canaries all have to say `auto_promote`, and all canaries have to be healthy. */
function promotesItself(groups: readonly [string, DeploymentState][], allocs: readonly KnownAlloc[]): boolean {
  const open = groups.filter(([, state]) => needsPromotion(state));
  if (open.length === 0) return false;
  return open.every(([name, state]) => {
    return (
      state.AutoPromote &&
      canariesHealthy(
        state,
        allocs.filter(({ alloc }) => alloc.TaskGroup === name),
      )
    );
  });
}

function isComplete(state: DeploymentState): boolean {
  return state.HealthyAllocs >= state.DesiredTotal && !needsPromotion(state);
}

function needsPromotion(state: DeploymentState): boolean {
  return state.DesiredCanaries > 0 && !state.Promoted;
}

function canariesHealthy(state: DeploymentState, own: readonly KnownAlloc[]): boolean {
  return own.filter((known) => known.alloc.Canary && isHealthy(known)).length >= state.DesiredCanaries;
}

/**
 * Nanoseconds since the epoch; runs from the first allocation on, and each that turns healthy moves it. A promotion or a
 * resumption left its own in the record. 0: no deadline.
 */
function progressDeadline(deployment: Deployment, state: DeploymentState, own: readonly KnownAlloc[]): number {
  if (state.ProgressDeadline === 0 || own.length === 0) return 0;
  const oldest = own.reduce((least, { alloc }) => Math.min(least, alloc.CreateTime), Number.POSITIVE_INFINITY);
  // Those that were updated in place are older than their deployment.
  const first = Math.max(deployment.CreateTime, oldest);
  const newest = own.filter(isHealthy).reduce((most, known) => Math.max(most, healthOf(known).Timestamp), first);
  const granted = state.RequireProgressBy === "" ? 0 : Date.parse(state.RequireProgressBy) * 1e6;
  return Math.max(newest + state.ProgressDeadline, granted);
}
