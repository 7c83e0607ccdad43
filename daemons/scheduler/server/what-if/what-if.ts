import * as v from "valibot";
import { fail, succeed, type Result } from "#base/env/errors.ts";
import type { Alloc } from "#base/protocol/alloc.ts";
import type { Job } from "#base/protocol/job.ts";
import { NodeStateSchema, type Node } from "#base/protocol/node.ts";
import { isTerminal } from "../alloc-state.ts";
import { nodeVerdicts } from "../explain/node-verdict.ts";
import { smallestChange } from "../explain/smallest-change.ts";
import type { NodeTable } from "../place/node-table.ts";
import type { Plan } from "../plan.ts";
import type { NodeFate } from "../reconcile/situation.ts";
import type { ScheduleDeps, ScheduleRequest } from "../schedule/request.ts";
import { schedule } from "../schedule/schedule.ts";
import { isLarge } from "../schedule/try-out.ts";
import { imaginedNodes } from "./imagined-node.ts";
import { MAX_IMAGINED_NODES, MAX_WHAT_IF_ALLOCS, type Supposition } from "./supposition.ts";

/** What a plan would do, in words and names. */
export interface WhatIf {
  /** Nodes thought away. */
  readonly Without: readonly { readonly ID: string; readonly Name: string }[];
  /** Nodes thought up, with everything that was not said of them. */
  readonly With: readonly ImaginedAnswer[];
  readonly Placements: readonly PlacementAnswer[];
  /** Allocations that would stop and that nothing takes the place of. */
  readonly Stops: readonly StopAnswer[];
  readonly Blocked: readonly {
    readonly TaskGroup: string;
    readonly Missing: number;
    readonly SmallestChange: string;
  }[];
  /** Allocations of the job that stay where they are. */
  readonly Staying: number;
  /** Other jobs with allocations on nodes thought away: room for these is not looked for. */
  readonly Others: readonly { readonly Namespace: string; readonly JobID: string; readonly Allocations: number }[];
}

interface ImaginedAnswer {
  readonly ID: string;
  readonly Name: string;
  readonly Arch: string;
  readonly Datacenter: string;
  readonly CPU: number;
  readonly MemoryMB: number;
  readonly DiskMB: number;
}

interface PlacementAnswer {
  readonly Name: string;
  readonly TaskGroup: string;
  readonly NodeID: string;
  readonly NodeName: string;
  /** Empty: it follows none, or one of no known node. */
  readonly PreviousNode: string;
  /** Allocations of other jobs that would have to end for it. */
  readonly Evicts: number;
}

interface StopAnswer {
  readonly Name: string;
  readonly TaskGroup: string;
  readonly NodeName: string;
  readonly Reason: string;
}

/**
 * Schedules as if the cluster were another, on the real table in one turn; table and state are as before when it returns.
 * `request.proposed` is the job.
 */
export function whatIf(
  deps: ScheduleDeps,
  request: ScheduleRequest & { readonly proposed: Job },
  supposition: Supposition,
): Result<{ readonly plan: Plan; readonly told: WhatIf }> {
  if (isLarge(deps.state, request, MAX_WHAT_IF_ALLOCS)) {
    const told = `the job has more than ${MAX_WHAT_IF_ALLOCS} allocations, too many to suppose another cluster for`;
    return fail("job_too_large", told, "Ask with smaller counts.");
  }
  const real = realNodes(deps.table);
  const found = nodesNamed(real, supposition.Without);
  if (!found.ok) return found;
  const without = found.value;
  if (supposition.With.reduce((sum, { Count }) => sum + Count, 0) > MAX_IMAGINED_NODES) {
    return fail("too_many_nodes", `more than ${MAX_IMAGINED_NODES} nodes are to be added`, "Ask for fewer.");
  }
  const added = imaginedNodes(supposition.With, real, deps.random);
  const fates = new Map<string, NodeFate>(without.map(({ ID }) => [ID, "gone"]));
  const supposed = { closed: without.map(({ ID }) => ID), added: added.map((node) => ({ node, state: READY })) };
  return deps.table.supposing(supposed, () => {
    const plan = schedule(deps, { ...request, fates });
    const told = {
      Without: without.map(({ ID, Name }) => ({ ID, Name })),
      With: added.map(imaginedAnswer),
      ...answerOf(deps, plan),
      Blocked: blockedOf(deps, request.proposed, { plan, without }),
      Staying: stayingOf(deps, plan),
      Others: othersOn(deps, plan, without),
    };
    return succeed({ plan, told });
  });
}

const READY = v.parse(NodeStateSchema, { Status: "ready" });

function realNodes(table: NodeTable): Node[] {
  return Array.from({ length: table.end }, (_, slot) => table.at(slot)?.node).filter((node) => node !== undefined);
}

/** By id, name, or the beginning of just one id, as everywhere a node is named. */
function nodesNamed(real: readonly Node[], names: readonly string[]): Result<Node[]> {
  const found = new Set<Node>();
  for (const name of names) {
    const exact = real.filter(({ ID, Name }) => ID === name || Name === name);
    const [node, ...more] = exact.length > 0 || name === "" ? exact : real.filter(({ ID }) => ID.startsWith(name));
    if (node === undefined) {
      return fail("no_such_node", `there is no node ${JSON.stringify(name)}`, '"lares node status" lists all nodes.');
    }
    if (more.length > 0) {
      const which = `${JSON.stringify(name)} means ${more.length + 1} nodes`;
      return fail("ambiguous_node", which, `Name one by its id: ${[node, ...more].map(({ ID }) => ID).join(", ")}`);
    }
    found.add(node);
  }
  return succeed([...found]);
}

function imaginedAnswer({ ID, Name, Attributes, Datacenter, NodeResources }: Node): ImaginedAnswer {
  const { Cpu, Memory, Disk } = NodeResources;
  const Arch = Attributes["cpu.arch"] ?? "";
  return { ID, Name, Arch, Datacenter, CPU: Cpu.CpuShares, MemoryMB: Memory.MemoryMB, DiskMB: Disk.DiskMB };
}

function answerOf({ state }: ScheduleDeps, { creates, changes }: Plan): Pick<WhatIf, "Placements" | "Stops"> {
  const nameOf = ({ NodeID, NodeName }: Alloc): string => state.node(NodeID)?.value.Name ?? NodeName;
  return {
    Placements: creates.map(({ alloc, previous, evictions }) => ({
      Name: alloc.Name,
      TaskGroup: alloc.TaskGroup,
      NodeID: alloc.NodeID,
      NodeName: alloc.NodeName,
      PreviousNode: previous === undefined ? "" : nameOf(previous),
      Evicts: evictions.length,
    })),
    Stops: changes
      .filter((alloc) => alloc.DesiredStatus === "stop")
      .map((alloc) => ({
        Name: alloc.Name,
        TaskGroup: alloc.TaskGroup,
        NodeName: nameOf(alloc),
        Reason: alloc.DesiredDescription,
      })),
  };
}

/** What would help those without a place, with everything placed that has one. */
function blockedOf(
  { table }: ScheduleDeps,
  job: Job,
  { plan, without }: { readonly plan: Plan; readonly without: readonly Node[] },
): WhatIf["Blocked"] {
  const away = new Set(without.map(({ ID }) => ID));
  const queued = Object.entries(plan.result?.QueuedAllocations ?? {}).filter(([, count]) => count > 0);
  return table.trial(() => {
    for (const { previous, evictions, alloc, usage } of plan.creates) {
      for (const gone of [...(previous === undefined ? [] : [previous]), ...evictions.map((each) => each.alloc)]) {
        table.drop(gone.ID);
      }
      table.hold(alloc.ID, alloc.NodeID, usage);
    }
    return queued.flatMap(([TaskGroup, Missing]) => {
      const group = job.TaskGroups.find(({ Name }) => Name === TaskGroup);
      if (group === undefined) return [];
      const verdicts = nodeVerdicts(table, job, group).filter(({ NodeID }) => !away.has(NodeID));
      return [{ TaskGroup, Missing, SmallestChange: smallestChange(verdicts, (nodeId) => sizeOf(table, nodeId)) }];
    });
  });
}

function sizeOf(table: NodeTable, nodeId: string) {
  const slot = table.slotOf(nodeId) ?? -1;
  const [CPU = 0, MemoryMB = 0, DiskMB = 0] = [table.cpuTotal[slot], table.memoryTotal[slot], table.diskTotal[slot]];
  return { CPU, MemoryMB, DiskMB };
}

function stayingOf({ state }: ScheduleDeps, { evaluation, creates, changes }: Plan): number {
  const leaving = new Set([
    ...changes.filter(({ DesiredStatus }) => DesiredStatus !== "run").map(({ ID }) => ID),
    ...creates.flatMap(({ previous }) => (previous === undefined ? [] : [previous.ID])),
  ]);
  const there = state.jobAllocs(evaluation.Namespace, evaluation.JobID).filter((known) => !isTerminal(known));
  return there.filter(({ alloc }) => !leaving.has(alloc.ID)).length;
}

function othersOn({ state }: ScheduleDeps, { evaluation }: Plan, without: readonly Node[]): WhatIf["Others"] {
  const there = without.flatMap(({ ID }) => state.nodeAllocs(ID)).filter((known) => !isTerminal(known));
  const others = there.filter(
    ({ alloc }) => alloc.Namespace !== evaluation.Namespace || alloc.JobID !== evaluation.JobID,
  );
  return [...Map.groupBy(others, ({ alloc }) => `${alloc.Namespace}/${alloc.JobID}`).values()].map((of) => ({
    Namespace: of[0]?.alloc.Namespace ?? "",
    JobID: of[0]?.alloc.JobID ?? "",
    Allocations: of.length,
  }));
}
