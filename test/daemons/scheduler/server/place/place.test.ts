import test from "ava";
import fc from "fast-check";
import * as v from "valibot";
import type { Random } from "#base/env/random.ts";
import type { Job } from "#base/protocol/job.ts";
import { NodeStateSchema, type Node } from "#base/protocol/node.ts";
import { GroupPlacer } from "#daemons/scheduler/server/place/group-placer.ts";
import { NodeTable } from "#daemons/scheduler/server/place/node-table.ts";
import { computeClass } from "#daemons/scheduler/server/place/node-class.ts";
import { parsePortRanges } from "#daemons/scheduler/server/place/port-ranges.ts";
import { antiAffinityScore, balanceScore, fitScore } from "#daemons/scheduler/server/place/score.ts";
import { matchDatacenters, screen } from "#daemons/scheduler/server/place/screen.ts";
import { askOf } from "#daemons/scheduler/server/place/ask.ts";
import { newMetric } from "#daemons/scheduler/server/place/metric.ts";
import { peak, usageOf } from "#daemons/scheduler/server/place/usage.ts";
import { SlotHeap } from "#daemons/scheduler/server/place/slot-heap.ts";
import { makeJob, makeNode } from "../cluster.ts";

const ready = v.parse(NodeStateSchema, { Status: "ready" });
const none: ReadonlySet<string> = new Set();
type Placed = NonNullable<ReturnType<GroupPlacer["place"]>>;
function seeded(seed: number): Random {
  let state = seed >>> 0;
  const float = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  return { float, bytes: (length) => new Uint8Array(length), uuid: () => `id-${Math.floor(float() * 1e9)}` };
}

function tableOf(nodes: readonly Node[]): NodeTable {
  const table = new NodeTable();
  for (const node of nodes) table.setNode(node, ready);
  return table;
}

interface Options {
  readonly algorithm?: "binpack" | "spread";
  readonly staying?: { nodeId: string; group: string }[];
  readonly seed?: number;
}

function placerOf(
  table: NodeTable,
  job: Job,
  { algorithm = "binpack", staying = [], seed = 1 }: Options = {},
): GroupPlacer {
  return new GroupPlacer({
    table,
    job,
    group: job.TaskGroups[0]!,
    algorithm,
    oversubscribes: false,
    random: seeded(seed),
    staying,
  });
}

function placeAll(placer: GroupPlacer, count: number, avoid = none): (Placed | undefined)[] {
  return Array.from({ length: count }, (_, i) => placer.place({ allocId: `alloc-${i}`, penaltyNodes: avoid }));
}

const nodesPlaced = (placed: readonly (Placed | undefined)[]): (string | undefined)[] =>
  placed.map((each) => each?.nodeId);
const group = (fields: Record<string, unknown>) => makeJob({ groups: [fields] });
const nodesNamed = (...ids: string[]): Node[] => ids.map((id) => makeNode(id));

test("place › bin-pack fills the fuller node, until the allocations' own company counts more", (t) => {
  const table = tableOf(nodesNamed("a", "b"));
  table.hold("other", "b", { cpu: 2000, memory: 4096, disk: 0, cores: [], devices: [], ports: [] });
  t.deepEqual(nodesPlaced(placeAll(placerOf(table, group({ Count: 1 })), 1)), ["b"]);
  const spread = tableOf(nodesNamed("a", "b"));
  spread.hold("other", "b", { cpu: 2000, memory: 4096, disk: 0, cores: [], devices: [], ports: [] });
  t.deepEqual(nodesPlaced(placeAll(placerOf(spread, group({ Count: 1 }), { algorithm: "spread" }), 1)), ["a"]);
  t.deepEqual(nodesPlaced(placeAll(placerOf(tableOf(nodesNamed("a", "b")), group({ Count: 2 })), 2)), ["a", "b"]);
});

test("place › the formulas", (t) => {
  t.is(fitScore("binpack", 0, 0), 1);
  t.is(fitScore("binpack", 1, 1), 0);
  t.is(fitScore("spread", 1, 1), 1);
  t.is(fitScore("spread", 0, 0), 0);
  t.is(fitScore("binpack", 0.5, 0.5), (20 - 2 * 10 ** 0.5) / 18);
  t.is(antiAffinityScore(0, 4), 0);
  t.is(antiAffinityScore(1, 4), -0.5);
});

test("place › what does not fit says which dimension is short", (t) => {
  const full = (fields: Record<string, unknown>) => {
    const placer = placerOf(tableOf(nodesNamed("a")), group(fields));
    t.is(placer.place({ allocId: "x", penaltyNodes: none }), undefined);
    return placer.failure();
  };
  const task = (Resources: Record<string, unknown>) => ({ Tasks: [{ Name: "main", Driver: "mock", Resources }] });
  t.deepEqual(full(task({ CPU: 9000 })).DimensionExhausted, { cpu: 1 });
  t.deepEqual(full(task({ MemoryMB: 9000 })).DimensionExhausted, { memory: 1 });
  t.deepEqual(full(task({ MemoryMB: 8000, SecretsMB: 1000 })).DimensionExhausted, { memory: 1 }, "secrets, too");
  t.deepEqual(full(task({ Cores: 5 })).DimensionExhausted, { cores: 1 });
  t.deepEqual(full({ EphemeralDisk: { SizeMB: 200_000 } }).DimensionExhausted, { disk: 1 });
  t.is(full(task({ CPU: 9000 })).NodesExhausted, 1);
});

test("place › what may not run there says why", (t) => {
  const filtered = (fields: Record<string, unknown>, node: Record<string, unknown> = {}) => {
    const placer = placerOf(tableOf([makeNode("a", node)]), group(fields));
    t.is(placer.place({ allocId: "x", penaltyNodes: none }), undefined);
    const { ConstraintFiltered, NodesFiltered, NodesExhausted } = placer.failure();
    t.deepEqual([NodesFiltered, NodesExhausted], [1, 0]);
    return ConstraintFiltered;
  };
  const constraint = { LTarget: "${attr.kernel.name}", RTarget: "windows", Operand: "=" };
  t.deepEqual(filtered({ Constraints: [constraint] }), { "${attr.kernel.name} = windows": 1 });
  t.deepEqual(filtered({ Constraints: [{ LTarget: "${node.unique.name}", RTarget: "b", Operand: "=" }] }), {
    "${node.unique.name} = b": 1,
  });
  t.deepEqual(filtered({ Tasks: [{ Name: "main", Driver: "qemu" }] }), { "missing drivers": 1 });
  t.deepEqual(filtered({}, { Drivers: { mock: { Detected: true, Healthy: false } } }), { "unhealthy drivers": 1 });
  t.deepEqual(filtered({ Networks: [{ Mode: "bridge" }] }), { "missing network": 1 });
  t.deepEqual(filtered({ Networks: [{ DynamicPorts: [{ Label: "web", HostNetwork: "lan" }] }] }), {
    'missing host network "lan" for port "web"': 1,
  });
});

test("place › nodes that are not ready, of another pool or datacenter, are not even asked", (t) => {
  const table = tableOf([makeNode("a"), makeNode("b", { Datacenter: "dc2" }), makeNode("c", { NodePool: "gpu" })]);
  table.setNode(makeNode("d"), v.parse(NodeStateSchema, { Status: "down" }));
  table.setNode(makeNode("e"), v.parse(NodeStateSchema, { Status: "ready", SchedulingEligibility: "ineligible" }));
  const job = makeJob({ Datacenters: ["dc1"] });
  const metric = newMetric();
  const [taskGroup] = job.TaskGroups;
  const slots = screen({ table, job, group: taskGroup!, ask: askOf(job, taskGroup!) }, metric);
  t.deepEqual(
    slots.map((slot) => table.at(slot)?.id),
    ["a"],
  );
  t.deepEqual([metric.NodesInPool, metric.NodesEvaluated, metric.NodesAvailable], [4, 1, { dc1: 1 }]);
});

test("place › datacenters match by *", (t) => {
  const rows: [string[], string, boolean][] = [
    [["*"], "dc1", true],
    [["dc*"], "dc1", true],
    [["dc*"], "eu", false],
    [["*-1"], "eu-1", true],
    [["a*b*c"], "aXXbYYc", true],
    [["a*b*c"], "ac", false],
    [["ab*ba"], "aba", false],
    [["dc1", "dc2"], "dc2", true],
  ];
  for (const [patterns, text, expected] of rows)
    t.is(matchDatacenters(patterns)(text), expected, `${patterns} ${text}`);
});

test("place › distinct_hosts, distinct_property", (t) => {
  const hosts = group({ Count: 3, Constraints: [{ Operand: "distinct_hosts" }] });
  const placer = placerOf(tableOf(nodesNamed("a", "b", "c")), hosts, { staying: [{ nodeId: "a", group: "web" }] });
  t.deepEqual(nodesPlaced(placeAll(placer, 3)), ["b", "c", undefined]);
  t.deepEqual(placer.failure().ConstraintFiltered, { distinct_hosts: 3 });
  const racks = ["a", "b", "c"].map((id) => makeNode(id, { Meta: { rack: id === "c" ? "r2" : "r1" } }));
  const property = group({ Count: 3, Constraints: [{ LTarget: "${meta.rack}", Operand: "distinct_property" }] });
  t.deepEqual(nodesPlaced(placeAll(placerOf(tableOf(racks), property), 3)), ["a", "c", undefined]);
});

test("place › spread follows its targets, and goes evenly without", (t) => {
  const nodes = ["a1", "a2", "b1", "b2"].map((id) => makeNode(id, { Meta: { rack: id[0] } }));
  const count = (placed: (Placed | undefined)[]) =>
    Object.fromEntries(
      Map.groupBy(placed, (each) => each?.nodeId[0])
        .entries()
        .map(([rack, of]) => [rack, of.length]),
    );
  const spread = (SpreadTarget: { Value: string; Percent: number }[]) =>
    group({ Count: 10, Spreads: [{ Attribute: "${meta.rack}", Weight: 100, SpreadTarget }] });
  const targets = [
    { Value: "a", Percent: 80 },
    { Value: "b", Percent: 20 },
  ];
  t.deepEqual(count(placeAll(placerOf(tableOf(nodes), spread(targets)), 10)), { a: 8, b: 2 });
  t.deepEqual(count(placeAll(placerOf(tableOf(nodes), spread([])), 10)), { a: 5, b: 5 });
});

test("place › affinity draws, the node of a failure repels, a preferred node is taken", (t) => {
  const nodes = [makeNode("a"), makeNode("b", { Meta: { disk: "ssd" } })];
  const affine = group({ Affinities: [{ LTarget: "${meta.disk}", RTarget: "ssd", Operand: "=", Weight: 100 }] });
  const [placed] = placeAll(placerOf(tableOf(nodes), affine), 1);
  t.is(placed?.nodeId, "b");
  t.is(placed?.metric.ScoreMetaData[0]?.Scores["node-affinity"], 1);
  t.deepEqual(nodesPlaced(placeAll(placerOf(tableOf(nodesNamed("a", "b")), group({})), 1, new Set(["a"]))), ["b"]);
  t.deepEqual(nodesPlaced(placeAll(placerOf(tableOf(nodesNamed("a")), group({})), 1, new Set(["a"]))), ["a"]);
  const sticky = placerOf(tableOf(nodesNamed("a", "b")), group({}));
  t.is(sticky.place({ allocId: "x", penaltyNodes: none, preferredNode: "b" })?.nodeId, "b");
});

test("place › the five best nodes are listed, best first", (t) => {
  const table = tableOf(nodesNamed("a", "b", "c", "d", "e", "f", "g"));
  for (const [at, id] of ["a", "b", "c", "d", "e", "f", "g"].entries()) {
    table.hold(`other-${id}`, id, { cpu: at * 500, memory: at * 1000, disk: 0, cores: [], devices: [], ports: [] });
  }
  const [placed] = placeAll(placerOf(table, group({})), 1);
  const listed = placed?.metric.ScoreMetaData ?? [];
  t.deepEqual(
    listed.map(({ NodeID }) => NodeID),
    ["g", "f", "e", "d", "c"],
  );
  t.deepEqual(
    listed.map(({ NormScore }) => NormScore),
    listed.map(({ NormScore }) => NormScore).toSorted((a, b) => b - a),
  );
});

test("place › of nodes that are as full, one that keeps both processor time and memory", (t) => {
  const usage = { cpu: 1000, memory: 6000, disk: 0, cores: [], devices: [], ports: [] };
  const table = tableOf(nodesNamed("lopsided", "even"));
  table.hold("one", "lopsided", { ...usage, cpu: 3500, memory: 0 });
  table.hold("two", "even", { ...usage, cpu: 1700, memory: 3500 });
  t.deepEqual(nodesPlaced(placeAll(placerOf(table, group({})), 1)), ["even"]);
});

test("balance › at most half of the score, and nothing where loads are spread", (t) => {
  t.is(balanceScore("spread", 1, 0), 0);
  const share = fc.double({ min: 0, max: 1, noNaN: true });
  const bounded = (cpu: number, memory: number): boolean =>
    Math.abs(balanceScore("binpack", cpu, memory) * 2) <= fitScore("binpack", cpu, memory);
  fc.assert(fc.property(share, share, bounded));
});

test("place › cores are given out by number and never twice", (t) => {
  const job = group({ Count: 3, Tasks: [{ Name: "main", Driver: "mock", Resources: { Cores: 2, MemoryMB: 10 } }] });
  const placed = placeAll(placerOf(tableOf(nodesNamed("a")), job), 3);
  t.deepEqual(
    placed.map((each) => each?.resources.Tasks["main"]?.Cpu),
    [{ CpuShares: 2000, ReservedCores: [0, 1] }, { CpuShares: 2000, ReservedCores: [2, 3] }, undefined],
  );
});

test("place › cores take their MHz: a node whose cycles are given away does not have them", (t) => {
  const table = tableOf(nodesNamed("a", "b"));
  table.hold("old", "a", { cpu: 3000, memory: 1, disk: 1, cores: [], devices: [], ports: [] });
  const job = group({ Tasks: [{ Name: "main", Driver: "mock", Resources: { Cores: 2, MemoryMB: 10 } }] });
  const placer = placerOf(table, job);
  const [first] = table.trial(() => placeAll(placerOf(table, job), 1));
  t.true(table.fits("b", usageOf(first!.resources)), "the plan applier agrees");
  t.deepEqual(nodesPlaced(placeAll(placer, 3)), ["b", "b", undefined]);
  t.deepEqual(placer.failure().DimensionExhausted, { cpu: 1, cores: 1 });
});

test("place › a node without a dynamic port is refused, also where it is the wanted or the avoided one", (t) => {
  const node = makeNode("a", {
    NodeResources: { ...makeNode("a").NodeResources, MinDynamicPort: 20_000, MaxDynamicPort: 20_002 },
    ReservedResources: { ...makeNode("a").ReservedResources, Networks: { ReservedHostPorts: "20001" } },
  });
  const port = (Label: string, Value = 0) => ({ Label, Value });
  const one = group({ Networks: [{ ReservedPorts: [port("s", 20_000)], DynamicPorts: [port("d")] }] });
  const table = tableOf([node]);
  const placer = placerOf(table, one);
  t.deepEqual(
    placer.place({ allocId: "1", penaltyNodes: none })?.resources.Shared.Ports.map(({ Value }) => Value),
    [20_000, 20_002],
  );
  const more = placerOf(table, group({ Networks: [{ DynamicPorts: [port("d")] }] }));
  t.is(more.place({ allocId: "2", penaltyNodes: none }), undefined);
  t.is(more.place({ allocId: "3", penaltyNodes: new Set(["a"]) }), undefined);
  t.is(more.place({ allocId: "4", penaltyNodes: none, preferredNode: "a" }), undefined);
  t.deepEqual(more.failure().DimensionExhausted, { "network: dynamic port selection failed": 1 });
});

test("place › tasks that never run together need not fit together", (t) => {
  const task = (cpu: number, hook: string, sidecar = false) => ({ cpu, memory: cpu, hook, sidecar });
  t.is(peak([task(100, ""), task(500, "prestart"), task(50, "prestart", true), task(80, "poststop")]).cpu, 550);
  t.is(peak([task(100, ""), task(30, "poststart")]).cpu, 130);
});

test("place › reserved port ranges", (t) => {
  t.deepEqual([...parsePortRanges("22, 80,8500-8502,x,9-7")], [22, 80, 8500, 8501, 8502]);
  const table = tableOf([
    makeNode("a", { ReservedResources: { ...makeNode("a").ReservedResources, Networks: { ReservedHostPorts: "22" } } }),
  ]);
  const placer = placerOf(table, group({ Networks: [{ ReservedPorts: [{ Label: "ssh", Value: 22 }] }] }));
  t.is(placer.place({ allocId: "x", penaltyNodes: none }), undefined);
  t.deepEqual(placer.failure().DimensionExhausted, { "network: reserved port collision ssh=22": 1 });
});

test("place › nodes of one class differ in nothing a constraint sees", (t) => {
  t.is(computeClass(makeNode("a")), computeClass(makeNode("b")));
  t.not(computeClass(makeNode("a")), computeClass(makeNode("a", { NodeClass: "big" })));
  t.not(computeClass(makeNode("a")), computeClass(makeNode("a", { Drivers: {} })));
});

test("place › the heap gives slots by key, then by number", (t) => {
  const property = fc.property(
    fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 40 }),
    fc.array(fc.nat(39)),
    (keys, removals) => {
      const heap = new SlotHeap(Float64Array.from(keys));
      const inside = new Set(keys.keys());
      for (const slot of inside) heap.push(slot);
      for (const slot of removals) {
        heap.remove(slot);
        inside.delete(slot);
      }
      const expected = [...inside].toSorted((a, b) => keys[b]! - keys[a]! || a - b);
      return JSON.stringify([...heap.ranked()]) === JSON.stringify(expected) && heap.top === expected[0];
    },
  );
  fc.assert(property);
  t.pass();
});

const anyNode = fc.record({
  cpu: fc.integer({ min: 0, max: 3000 }),
  memory: fc.integer({ min: 0, max: 4000 }),
  disk: fc.integer({ min: 0, max: 2000 }),
  reservedCpu: fc.integer({ min: 0, max: 500 }),
  reservedPorts: fc.constantFrom("", "8080", "20000-20001"),
  rack: fc.constantFrom("r1", "r2", "r3"),
  driver: fc.boolean(),
});
const anyAsk = fc.record({
  cpu: fc.integer({ min: 1, max: 1000 }),
  memory: fc.integer({ min: 1, max: 1500 }),
  disk: fc.integer({ min: 0, max: 800 }),
  staticPort: fc.constantFrom(0, 8080, 20_000),
  dynamicPorts: fc.integer({ min: 0, max: 3 }),
  rack: fc.constantFrom("", "r1"),
  distinct: fc.boolean(),
  spread: fc.boolean(),
  count: fc.integer({ min: 1, max: 12 }),
});

test("place › never above capacity, never where it may not be, no port twice, and none is left out that fits", (t) => {
  const property = fc.property(
    fc.array(anyNode, { minLength: 1, maxLength: 6 }),
    anyAsk,
    fc.nat(1000),
    (shapes, ask, seed) => {
      const nodes = shapes.map((shape, at) =>
        makeNode(`n${at}`, {
          Meta: { rack: shape.rack },
          NodeResources: {
            Cpu: { CpuShares: shape.cpu },
            Memory: { MemoryMB: shape.memory },
            Disk: { DiskMB: shape.disk },
            Networks: [{ Mode: "host", IP: `10.0.0.${at}` }],
            MinDynamicPort: 20_000,
            MaxDynamicPort: 20_005,
          },
          ReservedResources: {
            Cpu: { CpuShares: shape.reservedCpu },
            Memory: { MemoryMB: 0 },
            Disk: { DiskMB: 0 },
            Networks: { ReservedHostPorts: shape.reservedPorts },
          },
          Drivers: shape.driver ? { mock: { Detected: true, Healthy: true } } : {},
        }),
      );
      const job = group({
        Count: ask.count,
        EphemeralDisk: { SizeMB: ask.disk },
        Networks: [
          {
            ReservedPorts: ask.staticPort === 0 ? [] : [{ Label: "s", Value: ask.staticPort }],
            DynamicPorts: Array.from({ length: ask.dynamicPorts }, (_, i) => ({ Label: `d${i}` })),
          },
        ],
        Constraints: [
          ...(ask.rack === "" ? [] : [{ LTarget: "${meta.rack}", RTarget: ask.rack, Operand: "=" }]),
          ...(ask.distinct ? [{ Operand: "distinct_hosts" }] : []),
        ],
        Spreads: ask.spread ? [{ Attribute: "${meta.rack}" }] : [],
        Tasks: [{ Name: "main", Driver: "mock", Resources: { CPU: ask.cpu, MemoryMB: ask.memory } }],
      });
      const placer = placerOf(tableOf(nodes), job, { seed });
      const placed = placeAll(placer, ask.count).filter((each) => each !== undefined);

      // From here on nothing of the placer is used: an account of its own per node.
      const account = shapes.map((shape) => {
        const taken = new Set(
          shape.reservedPorts === "8080" ? [8080] : shape.reservedPorts === "" ? [] : [20_000, 20_001],
        );
        return { cpu: shape.cpu - shape.reservedCpu, memory: shape.memory, disk: shape.disk, count: 0, taken };
      });
      for (const { nodeId, resources } of placed) {
        const at = Number(nodeId.slice(1));
        const left = account[at]!;
        left.cpu -= ask.cpu;
        left.memory -= ask.memory;
        left.disk -= ask.disk;
        left.count += 1;
        for (const { Value, HostIP } of resources.Shared.Ports) {
          if (left.taken.has(Value) || HostIP !== `10.0.0.${at}`) return false;
          left.taken.add(Value);
        }
        if (left.cpu < 0 || left.memory < 0 || left.disk < 0) return false;
        if (ask.distinct && left.count > 1) return false;
        if (!shapes[at]!.driver || (ask.rack !== "" && shapes[at]!.rack !== ask.rack)) return false;
      }
      if (placed.length === ask.count) return true;
      // Whatever was refused fits nowhere.
      return account.every((left, at) => {
        const shape = shapes[at]!;
        const dynamic = [0, 1, 2, 3, 4, 5].filter(
          (i) => 20_000 + i !== ask.staticPort && !left.taken.has(20_000 + i),
        ).length;
        const fits =
          left.cpu >= ask.cpu &&
          left.memory >= ask.memory &&
          left.disk >= ask.disk &&
          (ask.staticPort === 0 || !left.taken.has(ask.staticPort)) &&
          dynamic >= ask.dynamicPorts &&
          !(ask.distinct && left.count > 0) &&
          shape.driver &&
          (ask.rack === "" || shape.rack === ask.rack);
        return !fits;
      });
    },
  );
  fc.assert(property, { numRuns: 500 });
  t.pass();
});

test("place › a trial leaves no trace", (t) => {
  const table = tableOf(nodesNamed("a", "b"));
  const usage = {
    cpu: 100,
    memory: 100,
    disk: 1,
    cores: [1],
    devices: ["v/t/n/1"],
    ports: [{ hostIp: "10.0.0.1", port: 80, shared: false }],
  };
  table.hold("x", "a", usage);
  const before = [table.cpuUsed[0], table.cpuUsed[1], table.fits("a", usage), table.fits("b", usage)];
  table.trial(() => {
    table.drop("x");
    table.hold("y", "b", usage);
    table.hold("x", "b", { ...usage, ports: [], cores: [], devices: [] });
    t.true(table.fits("a", usage));
    t.false(table.fits("b", usage));
  });
  t.deepEqual([table.cpuUsed[0], table.cpuUsed[1], table.fits("a", usage), table.fits("b", usage)], before);
});

const GPUS = {
  Vendor: "nvidia",
  Type: "gpu",
  Name: "t4",
  Instances: [
    { ID: "g0", Healthy: true },
    { ID: "g1", Healthy: true },
    { ID: "g2", Healthy: false },
  ],
  Attributes: { memory: { Int: 16, Unit: "GiB" }, driver: { String: "550.1" } },
};
const CARDS = { Vendor: "intel", Type: "gpu", Name: "arc", Instances: [{ ID: "c0", Healthy: true }] };
const resourcesWith = (devices: object[], more: object = {}) => ({
  NodeResources: { ...makeNode("x").NodeResources, Devices: devices, ...more },
});
const wants = (...devices: object[]) =>
  makeJob({
    groups: [{ Tasks: [{ Name: "main", Driver: "mock", Resources: { CPU: 10, MemoryMB: 10, Devices: devices } }] }],
  });
const instances = (placed: readonly (Placed | undefined)[]) =>
  placed.map((each) => each?.resources.Tasks["main"]?.Devices.flatMap(({ Name, DeviceIDs }) => [Name, ...DeviceIDs]));

test("place › devices: healthy instances, each to one task, by name, constraint and preference", (t) => {
  const apart = GPUS.Instances.map((each) => ({ ...GPUS, Instances: [each] }));
  const nodes = [makeNode("a", resourcesWith([...apart, CARDS])), makeNode("b")];
  const of = (device: object) => placeAll(placerOf(tableOf(nodes), wants(device)), 4);
  t.deepEqual(instances(of({ Name: "nvidia/gpu", Count: 1 })), [["t4", "g0"], ["t4", "g1"], undefined, undefined]);
  t.deepEqual(instances(of({ Name: "gpu/t4", Count: 1 })), [undefined, undefined, undefined, undefined]);
  for (const Name of ["nvidia/gpu/t4", "gpu/nvidia/t4", "gpu/nvidia"])
    t.deepEqual(instances(of({ Name, Count: 2 })), [["t4", "g0", "g1"], undefined, undefined, undefined]);
  t.is(instances(of({ Name: "gpu", Count: 1 })).filter((each) => each !== undefined).length, 3);
  const big = (RTarget: string) => [{ LTarget: "${device.attr.memory}", Operand: ">=", RTarget }];
  t.deepEqual(instances(of({ Name: "gpu", Count: 1, Constraints: big("15 GB") }))[2], undefined);
  t.deepEqual(instances(of({ Name: "gpu", Count: 1, Constraints: big("18 GB") }))[0], undefined);
  const Affinities = [{ LTarget: "${device.vendor}", Operand: "=", RTarget: "intel", Weight: 80 }];
  t.deepEqual(instances(of({ Name: "gpu", Count: 1, Affinities }))[0], ["arc", "c0"]);
  const placer = placerOf(tableOf(nodes), wants({ Name: "nvidia/gpu", Count: 2 }));
  t.is(placer.failure().ConstraintFiltered["missing devices"], 1);
  placeAll(placer, 2);
  t.deepEqual(placer.failure().DimensionExhausted, { "devices: no devices match request": 1 });
  const table = tableOf(nodes);
  const [first] = placeAll(placerOf(table, wants({ Name: "nvidia/gpu", Count: 2 })), 1);
  t.false(table.fits("a", usageOf(first!.resources)));
});

test("place › host volumes have to be there, and writable for who writes", (t) => {
  const volume = (ReadOnly: boolean) => ({ HostVolumes: { data: { Name: "data", Path: "/d", ReadOnly } } });
  const nodes = [makeNode("a"), makeNode("b", volume(true)), makeNode("c", volume(false))];
  const of = (ReadOnly: boolean) =>
    group({ Count: 3, Volumes: { mine: { Name: "mine", Type: "host", Source: "data", ReadOnly } } });
  t.deepEqual(new Set(nodesPlaced(placeAll(placerOf(tableOf(nodes), of(false)), 3))), new Set(["c"]));
  t.deepEqual(new Set(nodesPlaced(placeAll(placerOf(tableOf(nodes), of(true)), 2))), new Set(["b", "c"]));
  const placer = placerOf(tableOf(nodes.slice(0, 1)), of(true));
  t.deepEqual(placer.failure().ConstraintFiltered, { "missing compatible host volumes": 1 });
});

test("place › memory above what is reserved only where operators allow it", (t) => {
  const job = makeJob({
    groups: [{ Tasks: [{ Name: "main", Driver: "mock", Resources: { CPU: 10, MemoryMB: 100, MemoryMaxMB: 400 } }] }],
  });
  const maxOf = (oversubscribes: boolean) =>
    new GroupPlacer({
      table: tableOf(nodesNamed("a")),
      job,
      group: job.TaskGroups[0]!,
      algorithm: "binpack",
      oversubscribes,
      random: seeded(1),
      staying: [],
    }).place({ allocId: "x", penaltyNodes: none })?.resources.Tasks["main"]?.Memory;
  t.deepEqual(maxOf(true), { MemoryMB: 100, MemoryMaxMB: 400 });
  t.deepEqual(maxOf(false), { MemoryMB: 100, MemoryMaxMB: 0 });
});

test("place › a port of a host network is taken at that network's address", (t) => {
  const Addresses = [
    { Family: "ipv4", Alias: "default", Address: "10.0.0.1" },
    { Family: "ipv4", Alias: "private", Address: "192.168.7.1" },
  ];
  const node = makeNode("a", {
    ...resourcesWith([], { NodeNetworks: [{ Mode: "host", Device: "eth0", Addresses }] }),
    HostNetworks: { private: { Name: "private", CIDR: "192.168.7.0/24", Interface: "", ReservedPorts: "8080" } },
  });
  const on = (HostNetwork: string, Value: number) =>
    group({ Networks: [{ Mode: "host", ReservedPorts: [{ Label: "http", Value, HostNetwork }] }] });
  const table = tableOf([node, makeNode("b")]);
  const addresses = (job: Job, count: number) =>
    placeAll(placerOf(table, job), count).map((each) => each?.resources.Shared.Ports[0]?.HostIP);
  t.deepEqual(addresses(on("private", 80), 2), ["192.168.7.1", undefined]);
  t.deepEqual(addresses(on("private", 8080), 1), [undefined]);
  t.deepEqual(addresses(on("", 8080), 2), ["10.0.0.1", "10.0.0.1"]);
});

test("place › no device goes to two allocations, on any cluster, in any order", (t) => {
  const device = fc.record({
    vendor: fc.constantFrom("v", "w"),
    healthy: fc.array(fc.boolean(), { maxLength: 4 }),
  });
  const asks = fc.array(
    fc.record({ name: fc.constantFrom("gpu", "v/gpu", "w/gpu/n"), count: fc.integer({ min: 1, max: 3 }) }),
    {
      minLength: 1,
      maxLength: 2,
    },
  );
  const property = fc.property(
    fc.array(fc.array(device, { maxLength: 2 }), { minLength: 1, maxLength: 4 }),
    asks,
    fc.integer({ min: 1, max: 6 }),
    (shapes, wanted, count) => {
      const nodes = shapes.map((devices, at) =>
        makeNode(
          `n${at}`,
          resourcesWith(
            uniqueBy(devices).map(({ vendor, healthy }) => ({
              Vendor: vendor,
              Type: "gpu",
              Name: "n",
              Instances: healthy.map((Healthy, i) => ({ ID: `${vendor}${i}`, Healthy })),
            })),
          ),
        ),
      );
      const placed = placeAll(
        placerOf(tableOf(nodes), wants(...wanted.map(({ name, count: Count }) => ({ Name: name, Count })))),
        count,
      );
      const used = new Set<string>();
      return placed.every((each) => {
        if (each === undefined) return true;
        const given = each.resources.Tasks["main"]!.Devices;
        return given.every(({ Vendor, Type, Name, DeviceIDs }, at) => {
          const ask = wanted[at]!;
          const owner = nodes
            .find(({ ID }) => ID === each.nodeId)!
            .NodeResources.Devices.find((one) => one.Vendor === Vendor)!;
          const fresh = DeviceIDs.every(
            (id) => !used.has(`${each.nodeId}/${id}`) && owner.Instances.find(({ ID }) => ID === id)!.Healthy,
          );
          for (const id of DeviceIDs) used.add(`${each.nodeId}/${id}`);
          return (
            fresh &&
            DeviceIDs.length === ask.count &&
            [Type, `${Vendor}/${Type}`, `${Vendor}/${Type}/${Name}`].includes(ask.name)
          );
        });
      });
    },
  );
  fc.assert(property);
  t.pass();
});

function uniqueBy<T extends { vendor: string }>(list: readonly T[]): T[] {
  return [...new Map(list.map((each) => [each.vendor, each])).values()];
}
