import test from "ava";
import { explainJob } from "#daemons/scheduler/server/explain/explain.ts";
import { smallestChange } from "#daemons/scheduler/server/explain/smallest-change.ts";
import type { NodeVerdict } from "#daemons/scheduler/server/explain/node-verdict.ts";
import { schedule } from "#daemons/scheduler/server/schedule/schedule.ts";
import { makeJob, makeNode, startCluster } from "../cluster.ts";

const job = (fields: object, more: object = {}) =>
  makeJob({
    ...more,
    groups: [
      { Count: 3, Tasks: [{ Name: "main", Driver: "mock", Resources: { CPU: 100, MemoryMB: 5000 } }], ...fields },
    ],
  });

test("an allocation says how long it took to find its node", async (t) => {
  const cluster = await startCluster();
  t.teardown(() => cluster.stop());
  await cluster.server.link.register(makeNode("node-1"));
  const { table, context } = cluster.server;
  await cluster.run(job({ Count: 1 }));
  await cluster.server.link.register(makeNode("node-2"));
  let nowMs = 0;
  const clock = { monotonicMs: () => (nowMs += 0.25) };
  const deps = { state: cluster.state, table, random: context.env.random, clock };
  const [row] = cluster.state.jobEvals("default", "app");
  const proposed = { ...cluster.state.job("default", "app")!.value, ID: "other" };
  const evaluation = { ...row!.value, JobID: "other" };
  const plan = schedule(deps, { evaluation, evalModifyIndex: 1, nowNs: 1, proposed });
  t.deepEqual(
    plan.creates.map(({ alloc }) => alloc.Metrics?.AllocationTime),
    [250_000],
  );
});

test("each instance goes where its own volume is, and what misses one says so", async (t) => {
  const cluster = await startCluster();
  t.teardown(() => cluster.stop());
  const own = (name: string) => ({ HostVolumes: { [name]: { Name: name, Path: "/d", ReadOnly: false } } });
  for (const [id, volume] of [
    ["a", "data[1]"],
    ["b", "data[0]"],
    ["c", "data"],
  ] as const) {
    await cluster.server.link.register(makeNode(id, own(volume)));
  }
  const done = await cluster.run(
    job({ Count: 3, Volumes: { mine: { Name: "mine", Type: "host", Source: "data", PerAlloc: true } } }),
  );
  const placed = cluster.running("app").map(({ Name, NodeID }) => `${Name} ${NodeID}`);
  t.deepEqual(placed.toSorted(), ["app.web[0] b", "app.web[1] a"]);
  t.is(done?.FailedTGAllocs["web"]?.ConstraintFiltered["missing compatible host volumes"], 3);
});

test("what runs, what would fit where, and the least that would let the rest run", async (t) => {
  const cluster = await startCluster();
  t.teardown(() => cluster.stop());
  await cluster.server.link.register(makeNode("big"));
  await cluster.server.link.register(makeNode("arm", { Attributes: { "kernel.name": "linux", "cpu.arch": "arm64" } }));
  await cluster.server.link.register(makeNode("far", { Datacenter: "dc2" }));
  await cluster.run(
    job({ Constraints: [{ LTarget: "${attr.cpu.arch}", Operand: "=", RTarget: "amd64" }] }, { Datacenters: ["dc1"] }),
  );
  const { table, context } = cluster.server;
  const deps = { state: cluster.state, table, random: context.env.random };
  const before = [...table.cpuUsed];
  const [group] = explainJob(deps, cluster.state.job("default", "app")!.value).Groups;
  t.deepEqual([...table.cpuUsed], before);
  t.like(group, { Name: "web", Desired: 3, Missing: 2, Next: "" });
  t.deepEqual(
    group!.Nodes.map(({ NodeName, Verdict, Reasons }) => [NodeName, Verdict, ...Reasons]),
    [
      ["arm", "filtered", "constraint: ${attr.cpu.arch} = amd64"],
      ["big", "full", "memory"],
      ["far", "filtered", "datacenter: the job wants dc1, the node is in dc2"],
    ],
  );
  t.is(group!.Nodes[1]!.Short.MemoryMB, 1808);
  t.regex(group!.SmallestChange, /^it would fit on big with 1808 MB of memory more free/);
  const [alloc] = group!.Allocations;
  t.like(alloc, { NodeName: "big", Evaluated: 2, Filtered: { "${attr.cpu.arch} = amd64": 1 } });
  t.true(alloc!.Scores["binpack"]! > 0);
});

test("where one more would go is where the scheduler puts it", async (t) => {
  const cluster = await startCluster();
  t.teardown(() => cluster.stop());
  for (const name of ["a", "b", "c"]) await cluster.server.link.register(makeNode(name));
  await cluster.run(job({ Count: 2 }));
  const { table, context } = cluster.server;
  const deps = { state: cluster.state, table, random: context.env.random };
  const [group] = explainJob(deps, cluster.state.job("default", "app")!.value).Groups;
  t.like(group, { Missing: 0, SmallestChange: "" });
  t.is(group!.Allocations[0]!.RunnersUp.length, 2);
  await cluster.run(job({ Count: 3 }));
  const used = cluster.running().map(({ NodeID }) => NodeID);
  t.true(used.includes(group!.Next));
});

const verdict = (fields: Partial<NodeVerdict>): NodeVerdict => ({
  NodeID: "n",
  NodeName: "n",
  Verdict: "fits",
  Reasons: [],
  Short: { CPU: 0, MemoryMB: 0, DiskMB: 0 },
  ...fields,
});
const sizes = () => ({ CPU: 1000, MemoryMB: 1000, DiskMB: 1000 });

test("the smallest change is the smallest", (t) => {
  const full = (NodeName: string, MemoryMB: number) =>
    verdict({
      NodeID: NodeName,
      NodeName,
      Verdict: "full",
      Reasons: ["memory"],
      Short: { CPU: 0, MemoryMB, DiskMB: 0 },
    });
  t.regex(smallestChange([full("a", 300), full("b", 20)], sizes), /fit on b with 20 MB of memory/);
  const port = verdict({ NodeName: "p", Verdict: "full", Reasons: ["network: reserved port collision db=6379"] });
  t.regex(smallestChange([full("a", 300), port], sizes), /fit on p if nobody had port 6379 there: leave "static"/);
  const closed = verdict({ NodeName: "c", Verdict: "closed", Reasons: ["the node is ineligible"] });
  t.regex(smallestChange([closed], sizes), /^c would take it but the node is ineligible/);
  const filtered = verdict({ Verdict: "filtered", Reasons: ["missing drivers"] });
  const twice = verdict({ Verdict: "filtered", Reasons: ["missing drivers", "constraint: x"] });
  t.regex(smallestChange([filtered, filtered, twice], sizes), /^only "missing drivers" keeps it from 2 of 3 nodes/);
  t.is(smallestChange([twice], sizes), "add a node for it");
  t.regex(smallestChange([], sizes), /no node is registered/);
  t.is(smallestChange([verdict({}), closed], sizes), "");
});
