import { createEnv } from "#base/platform/create-env.ts";
import type { Job } from "#base/protocol/job.ts";
import { GroupPlacer } from "#daemons/scheduler/server/place/group-placer.ts";
import type { NodeTable } from "#daemons/scheduler/server/place/node-table.ts";
import { antiAffinityScore, fitScoreAt } from "#daemons/scheduler/server/place/score.ts";
import { askOf } from "#daemons/scheduler/server/place/ask.ts";
import { exhausted } from "#daemons/scheduler/server/place/fit.ts";
import { grant } from "#daemons/scheduler/server/place/grant.ts";
import { usageOf } from "#daemons/scheduler/server/place/usage.ts";
import { clusterOf, jobOf } from "./place/cluster.ts";
import { timeMs, type Bench, type Contestant, type CurvePoint } from "./harness.ts";

const ALLOCS = 600;
const RACKS = 50;

/** One evaluation's placements on a large, partly used cluster: every node scored, beside a rule that looks at a few. */
export const bench: Bench = {
  name: "place",
  title: "Placement: one evaluation of many allocations",
  async run(context) {
    const figures = [...contestantsOf(5000), ...(context.quick ? [] : contestantsOf(10_000)), ...curve(context.quick)];
    const measures = await context.takeTurns(figures);
    const notes = [
      `${RACKS} racks, half of the nodes partly used; "sampled" looks at log2(N) random nodes that fit for each allocation, without spread or reasons given`,
    ];
    return { measures, notes };
  },
};

/** Figures that must be reached, and the sampled rule beside them. */
function contestantsOf(nodes: number): Contestant[] {
  const table = clusterOf(nodes, RACKS);
  const sampledName = `sampled rule, ${ALLOCS} allocs, ${nodes} nodes`;
  const own = (allocs: number, spread: boolean, atMost: number): Contestant => ({
    ...contestant(table, { allocs, spread, nodes }),
    ...(spread ? {} : { against: sampledName, curve: overNodes(nodes) }),
    target: { text: `≤ ${atMost} ms`, atMost },
  });
  const sampled = (): Promise<number> => timeMs(() => table.trial(() => placeSampled(table, ALLOCS)));
  return [
    { name: sampledName, unit: "ms", better: "less", peer: true, turn: sampled },
    own(ALLOCS, false, 12),
    own(ALLOCS, true, 60),
    ...(nodes === 5000 ? [own(1200, true, 120)] : []),
  ];
}

/** How the time grows with nodes, and with allocations. */
function curve(quick: boolean): Contestant[] {
  const sizes = quick ? [1000] : [1000, 2000, 3500, 7500];
  const counts = quick ? [50] : [50, 150, 300, 900, 1200];
  const table = clusterOf(5000, RACKS);
  return [
    ...sizes.map((nodes) => ({
      ...contestant(clusterOf(nodes, RACKS), { allocs: ALLOCS, spread: false, nodes }),
      curve: overNodes(nodes),
    })),
    ...counts.map((allocs) => ({
      ...contestant(table, { allocs, spread: false, nodes: 5000 }),
      curve: { of: "all nodes scored, 5000 nodes", axis: "allocations", at: allocs },
    })),
  ];
}

function overNodes(nodes: number): CurvePoint {
  return { of: `all nodes scored, ${ALLOCS} allocs`, axis: "nodes", at: nodes };
}

function contestant(
  table: NodeTable,
  of: { readonly allocs: number; readonly spread: boolean; readonly nodes: number },
): Contestant {
  const { allocs, spread, nodes } = of;
  const spreads = spread ? [{ Attribute: "${meta.rack}", Weight: 100 }] : [];
  const job = jobOf({ count: allocs, spreads });
  return {
    name: `all nodes scored${spread ? ", spread" : ""}, ${allocs} allocs, ${nodes} nodes`,
    unit: "ms",
    better: "less",
    turn: () => timeMs(() => table.trial(() => placeAll(table, job))),
  };
}

function placeAll(on: NodeTable, job: Job): void {
  const { random } = createEnv({ logToStderr: false });
  const [group] = job.TaskGroups;
  if (group === undefined) throw new Error("the job has a group");
  const placer = new GroupPlacer({
    table: on,
    job,
    group,
    algorithm: "binpack",
    oversubscribes: false,
    random,
    staying: [],
  });
  for (let i = 0; i < (group.Count ?? 1); i++) {
    const placed = placer.place({ allocId: `alloc-${i}`, penaltyNodes: new Set() });
    if (placed === undefined) throw new Error("everything fits");
  }
}

function placeSampled(on: NodeTable, allocs: number): void {
  const { random } = createEnv({ logToStderr: false });
  const job = jobOf({ count: allocs });
  const [group] = job.TaskGroups;
  if (group === undefined) throw new Error("the job has a group");
  const ask = askOf(job, group);
  const counts = new Map<number, number>();
  const candidates = Math.ceil(Math.log2(on.end));
  for (let i = 0; i < allocs; i++) {
    let best = -1;
    let bestScore = Number.NEGATIVE_INFINITY;
    for (let seen = 0; seen < candidates;) {
      const slot = Math.floor(random.float() * on.end);
      if (exhausted(on, slot, ask) !== undefined) continue;
      seen += 1;
      const anti = antiAffinityScore(counts.get(slot) ?? 0, group.Count ?? 1);
      const score = (fitScoreAt(on, slot, { ask, algorithm: "binpack" }) + anti) / (anti === 0 ? 1 : 2);
      if (score > bestScore) [best, bestScore] = [slot, score];
    }
    const resources = grant({ table: on, slot: best, group, ask, random, oversubscribes: false, index: i });
    const entry = on.at(best);
    if (resources === undefined || entry === undefined) throw new Error("everything fits");
    counts.set(best, (counts.get(best) ?? 0) + 1);
    on.hold(`alloc-${i}`, entry.id, usageOf(resources));
  }
}
