import test from "ava";
import fc from "fast-check";
import { chooseVictims, preemptionScore, type Shortage, type Victim } from "#daemons/scheduler/server/place/preempt.ts";
import { Owners } from "#daemons/scheduler/server/place/owners.ts";
import type { Node } from "#base/protocol/node.ts";
import { schedulerConfigurations } from "#base/state/tables.ts";
import { GLOBAL } from "#base/protocol/keys.ts";
import { CURRENT } from "#daemons/scheduler/server/configuration.ts";
import { allocAnswer } from "#daemons/scheduler/http/answers/alloc.ts";
import { put } from "#base/state/codec.ts";
import { makeJob, makeNode, startCluster, until } from "../cluster.ts";

const victim = (
  allocId: string,
  priority: number,
  size: Partial<Victim["usage"]>,
  more: Partial<Victim> = {},
): Victim => ({
  allocId,
  priority,
  usage: { cpu: 0, memory: 0, disk: 0, cores: [], devices: [], ports: [], ...size },
  group: `default/job-${priority}/g`,
  maxParallel: 1,
  ...more,
});
const short = (of: Partial<Shortage>): Shortage => ({ cpu: 0, memory: 0, disk: 0, cores: 0, ports: new Set(), ...of });
const names = (victims: readonly Victim[] | undefined) => victims?.map(({ allocId }) => allocId);

test("the least important go first, the nearest in size, and nobody who is not needed", (t) => {
  const all = [
    victim("small", 20, { memory: 100 }),
    victim("large", 20, { memory: 900 }),
    victim("important", 40, { memory: 300 }),
  ];
  t.deepEqual(names(chooseVictims(short({ memory: 90 }), all, new Map())), ["small"]);
  t.deepEqual(names(chooseVictims(short({ memory: 800 }), all, new Map())), ["large"]);
  t.deepEqual(names(chooseVictims(short({ memory: 1200 }), all, new Map())), ["large", "important"]);
  t.is(chooseVictims(short({ memory: 1400 }), all, new Map()), undefined);
  t.is(chooseVictims(short({ cpu: 1 }), all, new Map()), undefined);
});

test("beyond what a group may move at one time, another group's are nearer", (t) => {
  const pair = { group: "default/a/g", maxParallel: 1 };
  const all = [
    victim("a1", 20, { memory: 100 }, pair),
    victim("a2", 20, { memory: 100 }, pair),
    victim("b1", 20, { memory: 400 }, { group: "default/b/g" }),
  ];
  t.deepEqual(new Set(names(chooseVictims(short({ memory: 150 }), all, new Map()))), new Set(["b1"]));
  t.deepEqual(names(chooseVictims(short({ memory: 100 }), all, new Map([["default/a/g", 1]]))), ["b1"]);
});

test("a port is given back only by who holds it", (t) => {
  const port = { hostIp: "10.0.0.1", port: 80, shared: false };
  const all = [victim("other", 10, { memory: 100 }), victim("holder", 30, { memory: 10, ports: [port] })];
  const wanted = short({ memory: 50, ports: new Set(["10.0.0.1:80"]) });
  t.deepEqual(new Set(names(chooseVictims(wanted, all, new Map()))), new Set(["holder", "other"]));
  t.deepEqual(names(chooseVictims(short({ ports: new Set(["10.0.0.1:80"]) }), all, new Map())), ["holder"]);
});

test("the score falls with the importance of the victims", (t) => {
  t.true(preemptionScore([victim("a", 10, {})]) > preemptionScore([victim("a", 60, {})]));
  t.true(preemptionScore([victim("a", 60, {})]) > preemptionScore([victim("a", 60, {}), victim("b", 60, {})]));
});

test("whoever is chosen frees enough, and none could have been spared", (t) => {
  const size = fc.nat({ max: 500 });
  const victims = fc.array(fc.record({ priority: fc.constantFrom(10, 20, 30), cpu: size, memory: size, disk: size }), {
    maxLength: 12,
  });
  const property = fc.property(victims, size, size, size, (list, cpu, memory, disk) => {
    const all = list.map(({ priority, ...usage }, at) => victim(`v${at}`, priority, usage));
    const chosen = chooseVictims(short({ cpu, memory, disk }), all, new Map());
    const sum = (of: readonly Victim[], pick: "cpu" | "memory" | "disk") =>
      of.reduce((total, { usage }) => total + usage[pick], 0);
    const enough = (of: readonly Victim[]) =>
      sum(of, "cpu") >= cpu && sum(of, "memory") >= memory && sum(of, "disk") >= disk;
    if (chosen === undefined) return !enough(all);
    return enough(chosen) && chosen.every((one) => !enough(chosen.filter((each) => each !== one)));
  });
  fc.assert(property);
  t.pass();
});

const job = (ID: string, Priority: number, MemoryMB: number, Type = "service") =>
  makeJob({
    ID,
    Name: ID,
    Priority,
    Type,
    groups: [{ Tasks: [{ Name: "main", Driver: "mock", Resources: { CPU: 100, MemoryMB } }] }],
  });

async function clusterOf(
  t: { teardown(end: () => Promise<void>): void },
  services: boolean,
  nodes: readonly Node[] = [makeNode("node-1")],
) {
  const cluster = await startCluster();
  t.teardown(() => cluster.stop());
  const set = {
    SchedulerAlgorithm: "binpack",
    PreemptionConfig: {
      SystemSchedulerEnabled: true,
      SysBatchSchedulerEnabled: false,
      BatchSchedulerEnabled: false,
      ServiceSchedulerEnabled: services,
    },
    MemoryOversubscriptionEnabled: false,
    RejectJobRegistration: false,
    PauseEvalBroker: false,
  } as const;
  const { revision } = await cluster.store.txn({
    then: [put(schedulerConfigurations, { namespace: GLOBAL, id: CURRENT }, set)],
  });
  await cluster.view.reached(revision);
  for (const node of nodes) await cluster.server.link.register(node);
  return cluster;
}

test("a job takes the place of a less important one, which then waits for another node", async (t) => {
  const cluster = await clusterOf(t, true);
  t.is((await cluster.run(job("low", 20, 5000)))?.Status, "complete");
  const [low] = cluster.running("low");
  await cluster.report(low!);
  const done = await cluster.run(job("high", 60, 6000));
  t.deepEqual(done?.FailedTGAllocs, {});
  const [high] = cluster.running("high");
  t.deepEqual(high?.PreemptedAllocations, [low!.ID]);
  const [known] = cluster.allocs("high");
  t.deepEqual(allocAnswer(cluster.state, known!).PreemptedAllocations, [low!.ID]);
  t.true(Number.isFinite(high?.Metrics?.ScoreMetaData[0]?.NormScore));
  const [evicted] = cluster.allocs("low");
  t.is(evicted?.alloc.DesiredStatus, "evict");
  t.is(evicted?.alloc.PreemptedByAllocation, high?.ID);
  t.is(evicted?.alloc.DesiredDescription, `Preempted by alloc ID ${high?.ID}`);
  const evals = () => cluster.state.jobEvals("default", "low").map(({ value }) => value);
  await until(() => evals().some(({ Status }) => Status === "blocked"));
  t.true(evals().some(({ TriggeredBy }) => TriggeredBy === "preemption"));
  await cluster.server.link.register(makeNode("node-2"));
  await until(() => cluster.running("low").length === 1);
  t.is(cluster.running("low")[0]?.NodeID, "node-2");
});

test("nobody yields to a job that is hardly more important, or where operators did not allow it", async (t) => {
  const near = await clusterOf(t, true);
  await near.run(job("low", 55, 5000));
  t.not((await near.run(job("high", 60, 6000)))?.FailedTGAllocs["web"], undefined);
  const off = await clusterOf(t, false);
  await off.run(job("low", 20, 5000));
  t.not((await off.run(job("high", 60, 6000)))?.FailedTGAllocs["web"], undefined);
  t.is(off.running("low").length, 1);
  t.deepEqual((await off.run(job("all", 60, 6000, "system")))?.FailedTGAllocs, {});
  t.is(off.running("low").length, 0);
});

const asking = (ID: string, Priority: number, group: object, count = 1) =>
  makeJob({ ID, Name: ID, Priority, Type: "service", groups: [{ Count: count, ...group }] });
const tasks = (Resources: object) => ({ Tasks: [{ Name: "main", Driver: "mock", Resources }] });

test("devices are taken from whoever has some of the kind, and from nobody else", async (t) => {
  const device = (Type: string, ...ids: string[]) => ({
    Vendor: "acme",
    Type,
    Name: "x",
    Instances: ids.map((ID) => ({ ID, Healthy: true })),
  });
  const plain = makeNode("node-1");
  const Devices = [device("gpu", "g0", "g1"), device("tpu", "t0")];
  const node = makeNode("node-1", { NodeResources: { ...plain.NodeResources, Devices } });
  const cluster = await clusterOf(t, true, [node]);
  const wants = (Name: string, Count = 1) => tasks({ CPU: 10, MemoryMB: 10, Devices: [{ Name, Count }] });
  for (const [id, kind] of [
    ["one", "gpu"],
    ["two", "gpu"],
    ["three", "tpu"],
  ] as const)
    await cluster.run(asking(id, 20, wants(kind)));
  await cluster.run(asking("plain", 10, tasks({ CPU: 10, MemoryMB: 10 })));
  t.deepEqual((await cluster.run(asking("high", 60, wants("gpu"))))?.FailedTGAllocs, {});
  const left = () => ["one", "two", "three", "plain"].filter((id) => cluster.running(id).length === 1);
  t.is(left().length, 3);
  t.true(
    ["three", "plain"].every((id) => left().includes(id)),
    left().join(),
  );
  t.deepEqual((await cluster.run(asking("both", 80, wants("gpu", 2))))?.FailedTGAllocs, {});
  t.deepEqual(left(), ["three", "plain"]);
  t.is(cluster.running("high").length, 0);
  t.not((await cluster.run(asking("more", 90, wants("gpu", 3))))?.FailedTGAllocs["web"], undefined);
});

test("dynamic ports are taken from whoever has some", async (t) => {
  const plain = makeNode("node-1");
  const NodeResources = { ...plain.NodeResources, MinDynamicPort: 20_000, MaxDynamicPort: 20_001 };
  const cluster = await clusterOf(t, true, [makeNode("node-1", { NodeResources })]);
  const ports = { ...tasks({ CPU: 10, MemoryMB: 10 }), Networks: [{ DynamicPorts: [{ Label: "a" }] }] };
  await cluster.run(asking("low", 20, ports, 2));
  await cluster.run(asking("none", 10, tasks({ CPU: 10, MemoryMB: 10 })));
  t.deepEqual((await cluster.run(asking("high", 60, ports)))?.FailedTGAllocs, {});
  t.is(cluster.running("low").length, 1);
  t.is(cluster.running("none").length, 1);
});

test("a job of more than a thousand takes places over many turns, no more than it needs, and never twice", async (t) => {
  const nodes = Array.from({ length: 20 }, (_, at) => makeNode(`node-${at}`));
  const cluster = await clusterOf(t, true, nodes);
  await cluster.run(asking("low", 20, tasks({ CPU: 100, MemoryMB: 4000 }), 40));
  t.is(cluster.running("low").length, 40);
  const high = asking("high", 60, tasks({ CPU: 10, MemoryMB: 100 }), 1200);
  t.deepEqual((await cluster.run(high))?.FailedTGAllocs, {});
  t.is(cluster.running("high").length, 1200);
  const room = 20 * 8192 - 1200 * 100;
  t.true(cluster.running("low").length <= room / 4000);
  t.true(cluster.running("low").length >= 5, `${cluster.running("low").length} are left`);
  for (const { ID } of nodes) {
    const there = [...cluster.running("high"), ...cluster.running("low")].filter(({ NodeID }) => NodeID === ID);
    const memory = there.reduce((sum, each) => sum + each.AllocatedResources.Tasks["main"]!.Memory.MemoryMB, 0);
    t.true(memory <= 8192, `${ID}: ${memory}`);
  }
});

test("what ran out is told by task", async (t) => {
  const cluster = await clusterOf(t, false);
  const done = await cluster.run(job("huge", 50, 9000));
  t.deepEqual(done?.FailedTGAllocs["web"]?.ResourcesExhausted, { main: { MemoryMB: 9000 } });
});

test("what two have is free when both have let go of it", (t) => {
  const owners = new Owners<number>();
  owners.add(3);
  owners.add(3);
  owners.delete(3);
  t.true(owners.has(3));
  owners.delete(3);
  t.deepEqual([...owners], []);
});
