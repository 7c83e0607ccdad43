import test from "ava";
import fc from "fast-check";
import * as v from "valibot";
import { parseImaginedNode } from "#cli/job/imagined-node.ts";
import type { NodeTable } from "#daemons/scheduler/server/place/node-table.ts";
import { SuppositionSchema } from "#daemons/scheduler/server/what-if/supposition.ts";
import { evalFor, nowNsOf } from "#daemons/scheduler/server/server-context.ts";
import { whatIf } from "#daemons/scheduler/server/what-if/what-if.ts";
import { makeJob, makeNode, startCluster } from "../cluster.ts";
import { api, sent } from "../../http/api.ts";

type Cluster = Awaited<ReturnType<typeof startCluster>>;

/** Everything placement can see of a table. */
function pictureOf(table: NodeTable) {
  const columns = [table.cpuTotal, table.memoryTotal, table.diskTotal, table.cpuUsed, table.memoryUsed, table.diskUsed];
  const entries = Array.from({ length: table.end }, (_, slot) => {
    const entry = table.at(slot);
    return [entry?.id, entry?.node, entry?.state, [...(entry?.usedCores ?? [])], entry?.ports];
  });
  const used = [...columns, table.usable].map((column) => [...column].slice(0, table.end));
  return structuredClone({ end: table.end, used, entries: entries.map((entry) => JSON.stringify(entry)) });
}

function ask(cluster: Cluster, job: ReturnType<typeof makeJob>, supposition: object) {
  const { context, table } = cluster.server;
  const evaluation = evalFor(context, { namespace: job.Namespace, job, trigger: "job-register" });
  const stored = cluster.state.job(job.Namespace, job.ID)?.value;
  const request = { evaluation, evalModifyIndex: 0, nowNs: nowNsOf(context), proposed: stored ?? job };
  const deps = { state: cluster.state, table, random: context.env.random };
  return whatIf(deps, request, v.parse(SuppositionSchema, supposition));
}

test("without a node its allocations go elsewhere, or are told what they lack; the table is as before", async (t) => {
  const cluster = await startCluster();
  t.teardown(() => cluster.stop());
  for (const name of ["a", "b"]) await cluster.server.link.register(makeNode(name));
  const Tasks = [{ Name: "main", Driver: "mock", Resources: { CPU: 100, MemoryMB: 3000 } }];
  const Spreads = [{ Attribute: "${node.unique.name}", Weight: 100 }];
  const Networks = [{ DynamicPorts: [{ Label: "http" }] }];
  const job = makeJob({ groups: [{ Count: 3, Tasks, Spreads, Networks }] });
  await cluster.run(job);
  const onA = cluster.running().filter(({ NodeID }) => NodeID === "a").length;
  const before = pictureOf(cluster.server.table);

  const lost = ask(cluster, job, { Without: ["a"] });
  t.true(lost.ok);
  if (!lost.ok) return;
  t.is(lost.value.told.Staying, 3 - onA);
  t.is(lost.value.told.Placements.length + (lost.value.told.Blocked[0]?.Missing ?? 0), onA);
  t.true(lost.value.told.Placements.every(({ NodeName, PreviousNode }) => NodeName === "b" && PreviousNode === "a"));
  t.is(lost.value.told.Blocked.length, 1);
  t.regex(lost.value.told.Blocked[0]!.SmallestChange, /^it would fit on b with \d+ MB of memory more free/);
  t.deepEqual(pictureOf(cluster.server.table), before);

  const helped = ask(cluster, job, { Without: ["a"], With: [{ MemoryMB: 16_384, Arch: "amd64", Count: 2 }] });
  t.true(helped.ok);
  if (!helped.ok) return;
  t.deepEqual(helped.value.told.Blocked, []);
  t.is(helped.value.told.Placements.length, onA);
  t.true(helped.value.told.Placements.some(({ NodeName }) => NodeName.startsWith("imagined-")));
  t.like(helped.value.told.With[0], { Datacenter: "dc1", CPU: 4000, MemoryMB: 16_384, DiskMB: 100_000 });
  t.deepEqual(pictureOf(cluster.server.table), before);
  t.is(cluster.running().length, 3);

  await cluster.run({ ...job, ID: "other" });
  const other = ask(cluster, job, { Without: ["a", "b"] });
  t.true(other.ok && other.value.told.Others.some(({ JobID }) => JobID === "other"));
});

test("the table is as before even when scheduling throws, whatever was supposed", async (t) => {
  const cluster = await startCluster();
  t.teardown(() => cluster.stop());
  const { table } = cluster.server;
  for (const name of ["a", "b", "c"]) await cluster.server.link.register(makeNode(name));
  await cluster.run(makeJob({ groups: [{ Count: 2 }] }));
  await cluster.server.link.register(makeNode("d"));
  await cluster.settled();
  const before = pictureOf(table);
  const state = table.at(0)!.state!;
  const someNodes = fc.subarray(["a", "b", "c", "d", "unknown"]);
  const property = fc.property(someNodes, fc.nat(200), fc.boolean(), (closed, count, throws) => {
    const added = Array.from({ length: count }, (_, at) => ({ node: makeNode(`new-${at}`), state }));
    const decide = () =>
      table.supposing({ closed, added }, () => {
        if (count > 0 && !table.takes("new-0")) throw new Error("an added node takes allocations");
        if (closed.some((id) => table.takes(id))) throw new Error("a closed node takes none");
        if (throws) throw new RangeError("thrown in between");
      });
    if (throws) t.throws(decide, { instanceOf: RangeError });
    else decide();
    t.deepEqual(pictureOf(table), before);
    t.is(table.slotOf("new-0"), undefined);
  });
  fc.assert(property, { numRuns: 30 });
  await cluster.server.link.register(makeNode("e"));
  t.is(table.slotOf("e"), before.end);
});

test("a system job comes to nodes that are thought up", async (t) => {
  const cluster = await startCluster();
  t.teardown(() => cluster.stop());
  await cluster.server.link.register(makeNode("a"));
  const Constraints = [{ LTarget: "${meta.rack}", Operand: "=", RTarget: "r1" }];
  const asked = ask(cluster, makeJob({ Type: "system", Constraints }), {
    With: [{ Meta: { rack: "r1" }, Count: 2 }, { Meta: { rack: "r2" } }],
  });
  t.true(asked.ok);
  if (asked.ok) {
    t.deepEqual(asked.value.told.Placements.map(({ NodeName }) => NodeName).toSorted(), ["imagined-1", "imagined-2"]);
  }
});

test("over HTTP: the answer, and what is wrong with a question", async (t) => {
  const { put, cluster } = await api(t);
  await put("/v1/jobs", sent());
  await cluster.settled();
  const [alloc] = cluster.running();
  const plan = (WhatIf: object) => put("/v1/job/app/plan", { ...sent(), WhatIf });
  const done = await plan({ Without: [alloc!.NodeName], With: [{ Arch: "amd64", MemoryMB: 4096 }] });
  t.is(done.status, 200, done.text);
  t.like(done.json.WhatIf, { Staying: 0, Stops: [], Blocked: [], Others: [] });
  t.like(done.json.WhatIf.Placements[0], { TaskGroup: "web", NodeName: "imagined-1", PreviousNode: alloc!.NodeName });
  t.like(await plan({ Without: ["nowhere"] }), { status: 400 });
  t.regex((await plan({ Without: ["nowhere"] })).text, /there is no node "nowhere"/);
  t.regex((await plan({ With: [{ Count: 600 }, { Count: 600 }] })).text, /more than 1000 nodes are to be added/);
  t.is((await plan({ With: [{ CPU: -1 }] })).status, 400);
  const large = await put("/v1/job/app/plan", { ...sent({}, { Count: 5001 }), WhatIf: {} });
  t.like(large, { status: 400 });
  t.regex(large.text, /more than 5000 allocations/);
  t.is((await put("/v1/job/app/plan", sent())).json.WhatIf, undefined);
  t.deepEqual(
    cluster.running().map(({ ID }) => ID),
    [alloc!.ID],
  );
});

test("kinds of nodes as people write them", (t) => {
  const read = (spec: string) => {
    const result = parseImaginedNode(spec);
    return result.ok ? result.value : undefined;
  };
  const wrong = (spec: string) => {
    const result = parseImaginedNode(spec);
    return result.ok ? "" : result.error.message;
  };
  t.like(read("arm64,4GB"), { Arch: "arm64", MemoryMB: 4096 });
  t.like(read("aarch64, 512MiB, cpu=2000, cores=4, disk=50G, count=3"), {
    Arch: "arm64",
    MemoryMB: 512,
    CPU: 2000,
    Cores: 4,
    DiskMB: 51_200,
    Count: 3,
  });
  t.like(read("class=x,dc=dc2,pool=p,driver=docker,driver=exec,volume=data,meta.rack=r1,attr.os.name=debian"), {
    NodeClass: "x",
    Datacenter: "dc2",
    NodePool: "p",
    Drivers: ["docker", "exec"],
    HostVolumes: ["data"],
    Meta: { rack: "r1" },
    Attributes: { "os.name": "debian" },
  });
  t.regex(wrong("sparc"), /-with "sparc": "sparc" is no size/);
  t.regex(wrong("4096"), /is no size/);
  t.regex(wrong("colour=red"), /"colour" is no property of a node/);
  t.regex(wrong("cores=0"), /cores is no whole number above 0: "0"/);
  t.regex(wrong("dc="), /"dc" has no value/);
  fc.assert(fc.property(fc.string(), (spec) => typeof parseImaginedNode(spec).ok === "boolean"));
});
