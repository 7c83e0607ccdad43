import type { Deployment, DeploymentState } from "#base/protocol/deployment.ts";
import { isClientTerminal, type KnownAlloc } from "../alloc-state.ts";

export type Verdict =
  | { readonly kind: "successful" }
  | { readonly kind: "failed"; readonly reason: string }
  /** All canaries of these groups are healthy, and the job says that is enough. */
  | { readonly kind: "promote"; readonly groups: readonly string[] }
  /** Not decided: look again at `atNs` (0: only when something changes). */
  | { readonly kind: "wait"; readonly atNs: number };

/** A deployment's groups with the counts its allocations give them now. */
export function countedGroups(deployment: Deployment, allocs: readonly KnownAlloc[]): Record<string, DeploymentState> {
  const groups: Record<string, DeploymentState> = {};
  for (const [name, state] of Object.entries(deployment.TaskGroups)) {
    const own = allocs.filter(({ alloc }) => alloc.TaskGroup === name);
    const canaries = own.filter(({ alloc }) => alloc.Canary).map(({ alloc }) => alloc.ID);
    const by = progressDeadline(deployment, state, own);
    groups[name] = {
      ...state,
      PlacedCanaries: canaries.length > 0 ? canaries : state.PlacedCanaries,
      PlacedAllocs: own.length,
      HealthyAllocs: own.filter(isHealthy).length,
      UnhealthyAllocs: own.filter(({ report }) => report?.DeploymentStatus?.Healthy === false).length,
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
  const promote = groups
    .filter(([, state]) => state.AutoPromote && canariesHealthy(state, allocs))
    .map(([name]) => name);
  if (promote.length > 0) return { kind: "promote", groups: promote };
  if (groups.every(([, state]) => isComplete(state))) return { kind: "successful" };
  let atNs = 0;
  for (const [name, state] of groups) {
    if (isComplete(state)) continue;
    if (state.ProgressDeadline === 0) {
      if (state.UnhealthyAllocs > 0) return { kind: "failed", reason: "Failed due to unhealthy allocations" };
      continue;
    }
    // Waiting for a person is no lack of progress.
    if (needsPromotion(state) && canariesHealthy(state, allocs)) continue;
    const own = allocs.filter(({ alloc }) => alloc.TaskGroup === name);
    const by = progressDeadline(deployment, state, own);
    if (by <= nowNs) return { kind: "failed", reason: "Failed due to progress deadline" };
    if (atNs === 0 || by < atNs) atNs = by;
  }
  return { kind: "wait", atNs };
}

export function isHealthy(known: KnownAlloc): boolean {
  return (
    known.report?.DeploymentStatus?.Healthy === true && known.alloc.DesiredStatus === "run" && !isClientTerminal(known)
  );
}

function isComplete(state: DeploymentState): boolean {
  return state.HealthyAllocs >= state.DesiredTotal && !needsPromotion(state);
}

function needsPromotion(state: DeploymentState): boolean {
  return state.DesiredCanaries > 0 && !state.Promoted;
}

function canariesHealthy(state: DeploymentState, allocs: readonly KnownAlloc[]): boolean {
  if (!needsPromotion(state) || state.PlacedCanaries.length < state.DesiredCanaries) return false;
  const healthy = new Set(allocs.filter(isHealthy).map(({ alloc }) => alloc.ID));
  return state.PlacedCanaries.every((id) => healthy.has(id));
}

/** Nanoseconds since the epoch; each allocation that turns healthy moves it on. 0: no deadline. */
function progressDeadline(deployment: Deployment, state: DeploymentState, own: readonly KnownAlloc[]): number {
  if (state.ProgressDeadline === 0) return 0;
  const progress = own.filter(isHealthy).map(({ report }) => report?.DeploymentStatus?.Timestamp ?? 0);
  return Math.max(deployment.CreateTime, ...progress) + state.ProgressDeadline;
}
