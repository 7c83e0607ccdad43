import * as v from "valibot";
import { createEnv } from "#base/platform/create-env.ts";
import { JobSchema, type Job } from "#base/protocol/job.ts";
import { NodeSchema, NodeStateSchema } from "#base/protocol/node.ts";
import { GroupPlacer } from "#daemons/scheduler/server/place/group-placer.ts";
import { NodeTable } from "#daemons/scheduler/server/place/node-table.ts";
import { antiAffinityScore, fitScoreAt } from "#daemons/scheduler/server/place/score.ts";
import { askOf } from "#daemons/scheduler/server/place/ask.ts";
import { exhausted } from "#daemons/scheduler/server/place/fit.ts";
import { grant } from "#daemons/scheduler/server/place/grant.ts";
import { usageOf } from "#daemons/scheduler/server/place/usage.ts";
import { timeMs, type Bench, type Contestant } from "./harness.ts";

const ALLOCS = 600;
const RACKS = 25;

/** One evaluation's placements on a large, partly used cluster: every node scored, beside a rule that looks at a few. */
export const bench: Bench = {
  name: "place",
  title: "Placement: one evaluation, 600 allocations",
  async run(context) {
    const contestants = (context.quick ? [5000] : [5000, 10_000]).flatMap((nodes) => contestantsOf(nodes));
    const measures = await context.takeTurns(contestants);
    const notes = [
      `${RACKS} racks, half of the nodes partly used; "sampled" looks at log2(N) random nodes that fit for each allocation, without spread or reasons given`,
    ];
    return { measures, notes };
  },
};

function contestantsOf(count: number): Contestant[] {
  const { random } = createEnv({ logToStderr: false });
  const table = clusterOf(count);
  const plain = jobOf([]);
  const spread = jobOf([{ Attribute: "${meta.rack}", Weight: 100 }]);
  const all = (job: Job) => (): Promise<number> => timeMs(() => table.trial(() => placeAll(table, job)));
  const sampled = (): Promise<number> => timeMs(() => table.trial(() => placeSampled(table, plain)));

  function placeAll(on: NodeTable, job: Job): void {
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
    for (let i = 0; i < ALLOCS; i++) {
      const placed = placer.place({ allocId: `alloc-${i}`, penaltyNodes: new Set() });
      if (placed === undefined) throw new Error("everything fits");
    }
  }

  function placeSampled(on: NodeTable, job: Job): void {
    const [group] = job.TaskGroups;
    if (group === undefined) throw new Error("the job has a group");
    const ask = askOf(group);
    const counts = new Map<number, number>();
    const candidates = Math.ceil(Math.log2(on.end));
    for (let i = 0; i < ALLOCS; i++) {
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
      const resources = grant({ table: on, slot: best, group, ask, random, oversubscribes: false });
      const entry = on.at(best);
      if (resources === undefined || entry === undefined) throw new Error("everything fits");
      counts.set(best, (counts.get(best) ?? 0) + 1);
      on.hold(`alloc-${i}`, entry.id, usageOf(resources));
    }
  }

  const sampledName = `sampled rule, ${count} nodes`;
  return [
    { name: sampledName, unit: "ms", better: "less", peer: true, turn: sampled },
    {
      name: `all nodes scored, ${count} nodes`,
      unit: "ms",
      better: "less",
      against: sampledName,
      target: { text: "≤ 12 ms on 5,000 nodes", ...(count === 5000 ? { atMost: 12 } : {}) },
      turn: all(plain),
    },
    {
      name: `all nodes scored, spread over ${RACKS} racks, ${count} nodes`,
      unit: "ms",
      better: "less",
      turn: all(spread),
    },
  ];
}

function clusterOf(count: number): NodeTable {
  const table = new NodeTable();
  const state = v.parse(NodeStateSchema, { Status: "ready" });
  for (let i = 0; i < count; i++) {
    const node = v.parse(NodeSchema, {
      ID: `node-${i}`,
      Name: `node-${i}`,
      Datacenter: `dc${i % 3}`,
      Meta: { rack: `r${i % RACKS}` },
      Attributes: { "kernel.name": "linux", "unique.hostname": `node-${i}` },
      NodeResources: {
        Cpu: { CpuShares: 16_000 },
        Memory: { MemoryMB: 65_536 },
        Disk: { DiskMB: 500_000 },
        Networks: [{ IP: "10.0.0.1" }],
      },
      ReservedResources: { Cpu: {}, Memory: {}, Disk: {}, Networks: {} },
      Drivers: { docker: { Detected: true, Healthy: true } },
    });
    table.setNode(node, state);
    if (i % 2 === 0) {
      table.hold(`used-${i}`, node.ID, {
        cpu: (i * 37) % 12_000,
        memory: (i * 91) % 40_000,
        disk: 0,
        cores: [],
        devices: [],
        ports: [],
      });
    }
  }
  return table;
}

function jobOf(Spreads: readonly unknown[]): Job {
  return v.parse(JobSchema, {
    ID: "bench",
    Type: "service",
    Namespace: "default",
    Datacenters: ["dc*"],
    NodePool: "default",
    Constraints: [{ LTarget: "${attr.kernel.name}", RTarget: "linux", Operand: "=" }],
    TaskGroups: [
      {
        Name: "web",
        Count: ALLOCS,
        Spreads,
        Networks: [{ DynamicPorts: [{ Label: "http" }] }],
        Tasks: [{ Name: "main", Driver: "docker", Resources: { CPU: 100, MemoryMB: 128 } }],
      },
    ],
  });
}
