import type { Job } from "#base/protocol/job.ts";
import type { NodeState } from "#base/protocol/node.ts";
import type { Row } from "#base/state/table.ts";
import { isTerminal, type KnownAlloc } from "./alloc-state.ts";
import type { ClusterState } from "./cluster-state.ts";
import { healthOf } from "./health.ts";

export type DrainStep =
  | {
      readonly kind: "end";
      /** These are to run elsewhere. */
      readonly migrate: readonly KnownAlloc[];
      /** Batch work whose time is over: nothing takes its place. */
      readonly stop: readonly KnownAlloc[];
    }
  | { readonly kind: "done" }
  | { readonly kind: "wait" };

/**
 * The next step of draining a node. Of each service group as many move at a time as its `migrate` block allows, counting
 * those that are missing or not yet healthy elsewhere; batch work may finish; system jobs go last, or not at all; the
 * deadline ends all waiting. Pure.
 * https://developer.hashicorp.com/nomad/docs/commands/node/drain
 */
export function drainStep(state: ClusterState, { id, value }: Row<NodeState>, nowNs: number): DrainStep {
  const strategy = value.DrainStrategy;
  if (strategy === null) return { kind: "wait" };
  const live = state.nodeAllocs(id).filter((known) => !isTerminal(known));
  const byKind = Map.groupBy(live, (known) => kindOf(state, known));
  const [services, batch, system] = [
    byKind.get("service") ?? [],
    byKind.get("batch") ?? [],
    byKind.get("system") ?? [],
  ];
  const forced = isForced(strategy, nowNs);
  const migrate = forced ? services.filter((known) => !leaves(known)) : withinLimits(state, services, nowNs);
  const stop = forced ? batch.filter((known) => !leaves(known)) : [];
  if (migrate.length + stop.length > 0) return { kind: "end", migrate, stop };
  if (services.length + batch.length > 0) return { kind: "wait" };
  if (strategy.IgnoreSystemJobs || system.length === 0) return { kind: "done" };
  const last = system.filter((known) => !leaves(known));
  return last.length > 0 ? { kind: "end", migrate: last, stop: [] } : { kind: "wait" };
}

/** Whether what is left goes now. Below 0: at once; 0: never. */
function isForced({ Deadline, ForceDeadline }: NonNullable<NodeState["DrainStrategy"]>, nowNs: number): boolean {
  return Deadline < 0 || (Deadline > 0 && Date.parse(ForceDeadline) * 1e6 <= nowNs);
}

function leaves({ alloc }: KnownAlloc): boolean {
  return alloc.DesiredTransition.Migrate || alloc.DesiredTransition.MigrateDisablePlacement;
}

function kindOf(state: ClusterState, { alloc }: KnownAlloc): "service" | "batch" | "system" {
  switch (state.job(alloc.Namespace, alloc.JobID)?.value.Type) {
    case "system":
      return "system";
    case "batch":
    case "sysbatch":
      return "batch";
    default:
      return "service";
  }
}

function withinLimits(state: ClusterState, here: readonly KnownAlloc[], nowNs: number): KnownAlloc[] {
  const byGroup = Map.groupBy(here, ({ alloc }) => `${alloc.Namespace}/${alloc.JobID}/${alloc.TaskGroup}`);
  return [...byGroup.values()].flatMap((own) => {
    const [first] = own;
    if (first === undefined) return [];
    const staying = own.filter((known) => !leaves(known));
    const { Namespace, JobID, TaskGroup } = first.alloc;
    const job = state.job(Namespace, JobID)?.value;
    const group = job?.TaskGroups.find(({ Name }) => Name === TaskGroup);
    if (job === undefined || group === undefined) return staying;
    const settled = state
      .jobAllocs(Namespace, JobID)
      .filter((known) => known.alloc.TaskGroup === TaskGroup && isSettled(known, group, nowNs));
    const missing = Math.max(0, (group.Count ?? 1) - settled.length);
    return staying.slice(0, Math.max(0, (group.Migrate?.MaxParallel ?? 1) - missing));
  });
}

/** Runs, is not about to move, and was found healthy (or not) or had the time to be. */
function isSettled(known: KnownAlloc, { Migrate }: Job["TaskGroups"][number], nowNs: number): boolean {
  const { alloc, report } = known;
  if (isTerminal(known) || leaves(known) || report?.ClientStatus !== "running") return false;
  const isNew = alloc.PreviousAllocation !== "" && Migrate?.HealthCheck !== "manual";
  if (!isNew || healthOf(known).Healthy !== null) return true;
  return alloc.CreateTime + (Migrate?.HealthyDeadline ?? 0) <= nowNs;
}
