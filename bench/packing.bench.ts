import { createEnv } from "#base/platform/create-env.ts";
import { askOf } from "#daemons/scheduler/server/place/ask.ts";
import { exhausted } from "#daemons/scheduler/server/place/fit.ts";
import { GroupPlacer } from "#daemons/scheduler/server/place/group-placer.ts";
import { NodeTable } from "#daemons/scheduler/server/place/node-table.ts";
import { fitScoreAt } from "#daemons/scheduler/server/place/score.ts";
import { measureOf, type Bench, type Measure } from "./harness.ts";
import { CPU_MHZ, jobOf, MEMORY_MB, nodeAt, READY } from "./place/cluster.ts";
import { seeded } from "./place/seeded.ts";

interface Size {
  readonly cpu: number;
  readonly memory: number;
}

/** Many of these fit a node only a few times. */
const CPU_SIZES = [250, 500, 1000, 2000, 4000, 7000];
const MEMORY_SIZES = [512, 1024, 2048, 4096, 8192, 16_384, 28_672];

/** How many nodes a mixed trace needs: the placer as it is, an offline rule that sorts first, and one that samples. */
export const bench: Bench = {
  name: "packing",
  title: "Packing: nodes needed for 10,000 tasks of many sizes",
  run(context) {
    const tasks = context.quick ? 2000 : 10_000;
    const seeds = Array.from({ length: context.quick ? 1 : 3 }, (_, at) => at + 1);
    const measures = [fine, coarse].flatMap((kind) => {
      context.say(`${kind.name} sizes, ${seeds.length} traces`);
      return measuresOf(
        kind.name,
        seeds.map((seed) => traceOf(tasks, seed, kind)),
      );
    });
    const notes = [
      `${tasks} tasks, each a job of its own, on nodes of ${CPU_MHZ} MHz and ${MEMORY_MB} MB; a sample is a seed; a node is added when a task fits on none`,
      "fine: 60 % 100–500 MHz and 128–1,024 MB, 30 % 500–2,000 and 1,024–8,192, 10 % 2,000–6,000 and 4,096–24,576; processor time runs out long before memory",
      `coarse: ${CPU_SIZES.join("/")} MHz and ${MEMORY_SIZES.join("/")} MB, any with any, each as frequent as the others; either may run out first`,
      "first fit knows all tasks beforehand, the others place each as it comes; the sampled rule takes the best of log2(N) random nodes on which it fits",
    ];
    return Promise.resolve({ measures, notes });
  },
};

function measuresOf(kind: string, traces: readonly (readonly Size[])[]): Measure[] {
  const count = (rule: (trace: readonly Size[], seed: number) => number): number[] =>
    traces.map((trace, at) => rule(trace, at + 1));
  const row = { unit: "nodes", better: "less" } as const;
  const sorted = `${kind}: first fit, largest first`;
  const sampled = `${kind}: sampled rule, in order of arrival`;
  const name = `${kind}: all nodes scored, in order of arrival`;
  const own = count(placeEach);
  const few = { text: "≤ 1.02 × first fit, largest first", ratioAtMost: 1.02 };
  const fewer = { text: "fewer than the sampled rule", ratioAtMost: 0.9999 };
  return [
    measureOf({ name: `${kind}: lower bound, all sizes summed`, ...row, peer: true }, ...count(lowerBound)),
    measureOf({ name: sorted, ...row, peer: true }, ...count(firstFitLargest)),
    measureOf({ name, ...row, against: sorted, target: few }, ...own),
    measureOf({ name: sampled, ...row, peer: true, against: sorted }, ...count(placeSampled)),
    measureOf({ name: `${name}, beside the sampled rule`, ...row, against: sampled, target: fewer }, ...own),
  ];
}

interface Kind {
  readonly name: string;
  readonly sizeOf: (random: () => number) => Size;
}

const between = (random: () => number, low: number, high: number): number => Math.round(low * (high / low) ** random());

const fine: Kind = {
  name: "fine",
  sizeOf(random) {
    const kind = random();
    if (kind < 0.6) return { cpu: between(random, 100, 500), memory: between(random, 128, 1024) };
    if (kind < 0.9) return { cpu: between(random, 500, 2000), memory: between(random, 1024, 8192) };
    return { cpu: between(random, 2000, 6000), memory: between(random, 4096, 24_576) };
  },
};

const coarse: Kind = {
  name: "coarse",
  sizeOf(random) {
    const oneOf = (values: readonly number[]): number => values[Math.floor(random() * values.length)] ?? 0;
    return { cpu: oneOf(CPU_SIZES), memory: oneOf(MEMORY_SIZES) };
  },
};

function traceOf(count: number, seed: number, kind: Kind): Size[] {
  const random = seeded(seed);
  return Array.from({ length: count }, () => kind.sizeOf(random));
}

function lowerBound(trace: readonly Size[]): number {
  const sum = (of: (size: Size) => number): number => trace.reduce((total, size) => total + of(size), 0);
  return Math.ceil(Math.max(sum(({ cpu }) => cpu) / CPU_MHZ, sum(({ memory }) => memory) / MEMORY_MB));
}

function firstFitLargest(trace: readonly Size[]): number {
  const share = ({ cpu, memory }: Size): number => Math.max(cpu / CPU_MHZ, memory / MEMORY_MB);
  const nodes: { cpu: number; memory: number }[] = [];
  for (const { cpu, memory } of trace.toSorted((a, b) => share(b) - share(a))) {
    let node = nodes.find((free) => free.cpu >= cpu && free.memory >= memory);
    if (node === undefined) {
      node = { cpu: CPU_MHZ, memory: MEMORY_MB };
      nodes.push(node);
    }
    node.cpu -= cpu;
    node.memory -= memory;
  }
  return nodes.length;
}

/** Exactly what the scheduler does for a job of one allocation. */
function placeEach(trace: readonly Size[]): number {
  const { random } = createEnv({ logToStderr: false });
  const table = new NodeTable();
  const placerOf = (size: Size): GroupPlacer => {
    const job = jobOf({ count: 1, ...size, port: false });
    const [group] = job.TaskGroups;
    if (group === undefined) throw new Error("the job has a group");
    return new GroupPlacer({ table, job, group, algorithm: "binpack", oversubscribes: false, random, staying: [] });
  };
  for (const [at, size] of trace.entries()) {
    const request = { allocId: `alloc-${at}`, penaltyNodes: new Set<string>() };
    if (placerOf(size).place(request) !== undefined) continue;
    table.setNode(nodeAt(table.end, 1), READY);
    if (placerOf(size).place(request) === undefined) throw new Error("a task fits on an empty node");
  }
  return table.end;
}

function placeSampled(trace: readonly Size[], seed: number): number {
  const random = seeded(seed + 1000);
  const table = new NodeTable();
  for (const [at, size] of trace.entries()) {
    const job = jobOf({ count: 1, ...size, port: false });
    const [group] = job.TaskGroups;
    if (group === undefined) throw new Error("the job has a group");
    const ask = askOf(job, group);
    const fitting = Array.from({ length: table.end }, (_, slot) => slot).filter(
      (slot) => exhausted(table, slot, ask) === undefined,
    );
    const most = Math.ceil(Math.log2(Math.max(2, table.end)));
    let best: number | undefined;
    for (let seen = 0; seen < most && fitting.length > 0; seen++) {
      const [slot] = fitting.splice(Math.floor(random() * fitting.length), 1);
      const score = (of: number): number => fitScoreAt(table, of, { ask, algorithm: "binpack" });
      if (slot !== undefined && (best === undefined || score(slot) > score(best))) best = slot;
    }
    if (best === undefined) {
      best = table.end;
      table.setNode(nodeAt(best, 1), READY);
    }
    const usage = { ...size, disk: ask.disk, cores: [], devices: [], ports: [] };
    table.hold(`alloc-${at}`, `node-${best}`, usage);
  }
  return table.end;
}
