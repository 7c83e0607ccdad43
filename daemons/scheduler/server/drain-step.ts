import type { NodeState } from "#base/protocol/node.ts";
import type { Row } from "#base/state/table.ts";
import { isTerminal, type KnownAlloc } from "./alloc-state.ts";
import type { ClusterState } from "./cluster-state.ts";

export type DrainStep =
  /** These are to move now. */
  | { readonly kind: "migrate"; readonly allocs: readonly KnownAlloc[] }
  | { readonly kind: "done" }
  | { readonly kind: "wait" };

/**
 * The next step of draining a node: of each group as many at a time as its `migrate` block allows, counting those that
 * are missing or not yet healthy elsewhere; system jobs last, or not at all; all at once after the deadline. Pure.
 * https://developer.hashicorp.com/nomad/docs/job-specification/migrate
 */
export function drainStep(state: ClusterState, { id, value }: Row<NodeState>, nowNs: number): DrainStep {
  const strategy = value.DrainStrategy;
  if (strategy === null) return { kind: "wait" };
  const here = state.nodeAllocs(id).filter((known) => !isTerminal(known) && !known.alloc.DesiredTransition.Migrate);
  const leaving = state.nodeAllocs(id).some((known) => !isTerminal(known) && known.alloc.DesiredTransition.Migrate);
  const [system, others] = [
    here.filter((known) => isSystem(state, known)),
    here.filter((known) => !isSystem(state, known)),
  ];
  const forced = strategy.Deadline < 0 || (strategy.Deadline > 0 && Date.parse(strategy.ForceDeadline) * 1e6 <= nowNs);
  const wanted = forced ? others : withinLimits(state, others);
  if (wanted.length > 0) return { kind: "migrate", allocs: wanted };
  if (others.length > 0 || leaving) return { kind: "wait" };
  if (strategy.IgnoreSystemJobs || system.length === 0) return { kind: "done" };
  return { kind: "migrate", allocs: system };
}

function withinLimits(state: ClusterState, here: readonly KnownAlloc[]): KnownAlloc[] {
  const byGroup = Map.groupBy(here, ({ alloc }) => `${alloc.Namespace}/${alloc.JobID}/${alloc.TaskGroup}`);
  return [...byGroup.values()].flatMap((own) => {
    const [first] = own;
    if (first === undefined) return [];
    const { Namespace, JobID, TaskGroup } = first.alloc;
    const job = state.job(Namespace, JobID)?.value;
    const group = job?.TaskGroups.find(({ Name }) => Name === TaskGroup);
    // Batch work has no health to wait for.
    if (job === undefined || group === undefined || job.Type === "batch") return own;
    const settled = state
      .jobAllocs(Namespace, JobID)
      .filter((known) => known.alloc.TaskGroup === TaskGroup && !isTerminal(known) && isSettled(known));
    const missing = Math.max(0, (group.Count ?? 1) - settled.length);
    return own.slice(0, Math.max(0, (group.Migrate?.MaxParallel ?? 1) - missing));
  });
}

/** Runs, is not about to move, and nobody found it unhealthy. */
function isSettled({ alloc, report }: KnownAlloc): boolean {
  if (alloc.DesiredTransition.Migrate || report?.ClientStatus !== "running") return false;
  return report.DeploymentStatus?.Healthy ?? true;
}

function isSystem(state: ClusterState, { alloc }: KnownAlloc): boolean {
  const type = state.job(alloc.Namespace, alloc.JobID)?.value.Type;
  return type === "system" || type === "sysbatch";
}
