import type { Random } from "#base/env/random.ts";
import type { AllocMetric } from "#base/protocol/alloc.ts";
import type { Job, TaskGroup } from "#base/protocol/job.ts";
import { isTerminal, clientStatus, type KnownAlloc } from "../alloc-state.ts";
import type { ClusterState } from "../cluster-state.ts";
import { GroupPlacer } from "../place/group-placer.ts";
import type { NodeTable } from "../place/node-table.ts";
import { placingRules } from "../schedule/placing-rules.ts";
import { nodeVerdicts, type NodeVerdict } from "./node-verdict.ts";
import { smallestChange } from "./smallest-change.ts";

export interface JobExplanation {
  readonly JobID: string;
  readonly Namespace: string;
  readonly Groups: readonly GroupExplanation[];
}

export interface GroupExplanation {
  readonly Name: string;
  readonly Desired: number;
  /** Allocations that are to run, wherever they have got to. */
  readonly Allocations: readonly AllocExplanation[];
  /** Wanted, and without a place. */
  readonly Missing: number;
  /** How every node answers one more allocation now. */
  readonly Nodes: readonly NodeVerdict[];
  /** Where one more would go now; empty: nowhere. */
  readonly Next: string;
  /** What would let a missing one run; empty where nothing has to change. */
  readonly SmallestChange: string;
}

export interface AllocExplanation {
  readonly ID: string;
  readonly Name: string;
  readonly NodeID: string;
  readonly NodeName: string;
  readonly ClientStatus: string;
  /** The scores its node was chosen with, their mean last. */
  readonly Scores: Readonly<Record<string, number>>;
  readonly Score: number;
  /** The next best nodes at that time, best first. */
  readonly RunnersUp: readonly { readonly NodeID: string; readonly NodeName: string; readonly Score: number }[];
  /** How many nodes were looked at, and what kept the others out. */
  readonly Evaluated: number;
  readonly Filtered: Readonly<Record<string, number>>;
}

export interface ExplainDeps {
  readonly state: ClusterState;
  readonly table: NodeTable;
  readonly random: Random;
}

/** Why each allocation of a job is where it is, why not elsewhere, and what is in the way of those without a place. */
export function explainJob(deps: ExplainDeps, job: Job): JobExplanation {
  const allocs = deps.state.jobAllocs(job.Namespace, job.ID).filter((known) => !isTerminal(known));
  const Groups = job.TaskGroups.map((group) => {
    const own = allocs.filter(({ alloc }) => alloc.TaskGroup === group.Name);
    return explainGroup(deps, job, { group, own, all: allocs });
  });
  return { JobID: job.ID, Namespace: job.Namespace, Groups };
}

interface GroupFacts {
  readonly group: TaskGroup;
  readonly own: readonly KnownAlloc[];
  readonly all: readonly KnownAlloc[];
}

function explainGroup(deps: ExplainDeps, job: Job, { group, own, all }: GroupFacts): GroupExplanation {
  const { state, table } = deps;
  const Nodes = nodeVerdicts(table, job, group);
  const everywhere = job.Type === "system" || job.Type === "sysbatch";
  const Desired = everywhere ? Nodes.filter(({ Verdict }) => Verdict !== "filtered").length : (group.Count ?? 1);
  const Missing = job.Stop ? 0 : Math.max(0, Desired - own.length);
  const free = everywhere ? Nodes.filter(({ NodeID }) => !own.some(({ alloc }) => alloc.NodeID === NodeID)) : Nodes;
  return {
    Name: group.Name,
    Desired,
    Allocations: own.map((known) => explainAlloc(state, known)),
    Missing,
    Nodes,
    Next: everywhere ? "" : nextNode(deps, job, { group, own, all }),
    SmallestChange: Missing === 0 ? "" : smallestChange(free, (nodeId) => sizeOf(table, nodeId)),
  };
}

/** Tried on the table itself, and taken back. */
function nextNode({ state, table, random }: ExplainDeps, job: Job, { group, all }: GroupFacts): string {
  const { algorithm, oversubscribes } = placingRules(state.view, job);
  const staying = all.map(({ alloc }) => ({ nodeId: alloc.NodeID, group: alloc.TaskGroup }));
  return table.trial(() => {
    const placer = new GroupPlacer({ table, job, group, algorithm, oversubscribes, random, staying });
    return placer.place({ allocId: random.uuid(), penaltyNodes: new Set() })?.nodeName ?? "";
  });
}

function explainAlloc(state: ClusterState, known: KnownAlloc): AllocExplanation {
  const { ID, Name, NodeID, NodeName, Metrics } = known.alloc;
  const [own, ...others] = ranked(NodeID, Metrics);
  return {
    ID,
    Name,
    NodeID,
    NodeName,
    ClientStatus: clientStatus(known),
    Scores: own?.Scores ?? {},
    Score: own?.NormScore ?? 0,
    RunnersUp: others.map((other) => ({
      NodeID: other.NodeID,
      NodeName: state.node(other.NodeID)?.value.Name ?? other.NodeID,
      Score: other.NormScore,
    })),
    Evaluated: Metrics?.NodesEvaluated ?? 0,
    Filtered: Metrics?.ConstraintFiltered ?? {},
  };
}

/** Its own node's scores first, then the others', best first. */
function ranked(nodeId: string, metrics: AllocMetric | null): AllocMetric["ScoreMetaData"] {
  const all = metrics?.ScoreMetaData ?? [];
  const others = all.filter(({ NodeID }) => NodeID !== nodeId).toSorted((a, b) => b.NormScore - a.NormScore);
  return [...all.filter(({ NodeID }) => NodeID === nodeId), ...others];
}

function sizeOf(table: NodeTable, nodeId: string) {
  const slot = table.slotOf(nodeId) ?? -1;
  return {
    CPU: table.cpuTotal[slot] ?? 0,
    MemoryMB: table.memoryTotal[slot] ?? 0,
    DiskMB: table.diskTotal[slot] ?? 0,
  };
}
