import test from "ava";
import * as v from "valibot";
import { silentLog } from "#base/env/log.ts";
import { GLOBAL } from "#base/protocol/keys.ts";
import { SchedulerConfigurationSchema } from "#base/protocol/scheduler-configuration.ts";
import { put } from "#base/state/codec.ts";
import { schedulerConfigurations } from "#base/state/tables.ts";
import { clientStatus } from "#daemons/scheduler/server/alloc-state.ts";
import { CURRENT } from "#daemons/scheduler/server/configuration.ts";
import { newEvaluation } from "#daemons/scheduler/server/evaluation.ts";
import { GC_NOW } from "#daemons/scheduler/server/gc.ts";
import { standingOf } from "#daemons/scheduler/server/job-status.ts";
import { PlanApplier } from "#daemons/scheduler/server/plan-apply.ts";
import { putEval } from "#daemons/scheduler/server/server-context.ts";
import { createSchedulerServer } from "#daemons/scheduler/server/server.ts";
import { makeJob, makeNode, startCluster, until } from "./cluster.ts";
import { newAllocRecord } from "./records.ts";

const redis = () =>
  makeJob({
    ID: "redis-cache",
    Name: "redis-cache",
    groups: [
      {
        Name: "cache",
        Count: 2,
        Networks: [{ ReservedPorts: [{ Label: "db", Value: 6379 }] }],
        Tasks: [{ Name: "redis", Driver: "docker", Config: { image: "redis:latest", ports: ["db"] } }],
      },
    ],
  });

test("a static port fills one node; the second allocation waits, says why, and comes with the second node", async (t) => {
  const cluster = await startCluster();
  t.teardown(() => cluster.stop());
  await cluster.server.link.register(makeNode("node-1"));
  const evaluation = await cluster.run(redis());
  t.is(evaluation?.Status, "complete");
  t.deepEqual(evaluation?.QueuedAllocations, { cache: 1 });
  t.deepEqual(evaluation?.FailedTGAllocs["cache"]?.DimensionExhausted, {
    "network: reserved port collision db=6379": 1,
  });
  const first = cluster.running("redis-cache");
  t.deepEqual(
    first.map(({ Name }) => Name),
    ["redis-cache.cache[0]"],
  );
  t.deepEqual(first[0]?.AllocatedResources.Shared.Ports, [{ Label: "db", Value: 6379, To: 0, HostIP: "10.0.0.1" }]);
  const blocked = cluster.state.evaluation("default", evaluation?.BlockedEval ?? "");
  t.is(blocked?.value.Status, "blocked");

  await cluster.server.link.register(makeNode("node-2"));
  await cluster.settled();
  const names = cluster.running("redis-cache").map(({ Name, NodeID }) => `${Name} ${NodeID}`);
  t.deepEqual(names.toSorted(), ["redis-cache.cache[0] node-1", "redis-cache.cache[1] node-2"]);
  t.is(cluster.state.evaluation("default", blocked?.id ?? "")?.value.Status, "complete");
});

const failures: Record<string, [Parameters<typeof makeJob>[0], string]> = {
  "impossible resources": [
    { groups: [{ Tasks: [{ Name: "main", Driver: "mock", Resources: { CPU: 100, MemoryMB: 999_999 } }] }] },
    '{"memory":1}',
  ],
  "a constraint no node meets": [
    { Constraints: [{ LTarget: "${attr.kernel.name}", RTarget: "windows", Operand: "=" }] },
    '{"${attr.kernel.name} = windows":1}',
  ],
  "an unknown driver": [{ groups: [{ Tasks: [{ Name: "main", Driver: "podman" }] }] }, '{"missing drivers":1}'],
};

for (const [title, [fields, expected]] of Object.entries(failures)) {
  test(`${title}: nothing is placed, the evaluation says why and a blocked one stays`, async (t) => {
    const cluster = await startCluster();
    t.teardown(() => cluster.stop());
    await cluster.server.link.register(makeNode("node-1"));
    const evaluation = await cluster.run(makeJob(fields));
    const metric = evaluation?.FailedTGAllocs["web"];
    t.is(JSON.stringify({ ...metric?.DimensionExhausted, ...metric?.ConstraintFiltered }), expected);
    t.is(cluster.running().length, 0);
    t.is(cluster.server.stats().evalsBlocked, 1);
    t.is(standingOf(cluster.state, cluster.state.job("default", "app")!).status, "pending");
  });
}

test("no node at all: the job waits for one", async (t) => {
  const cluster = await startCluster();
  t.teardown(() => cluster.stop());
  const evaluation = await cluster.run(makeJob());
  t.deepEqual(evaluation?.QueuedAllocations, { web: 1 });
  await cluster.server.link.register(makeNode("node-1"));
  await cluster.settled();
  t.is(cluster.running().length, 1);
});

test("a node that goes down loses its allocations; they come back elsewhere", async (t) => {
  const cluster = await startCluster();
  t.teardown(() => cluster.stop());
  for (const id of ["node-1", "node-2"]) await cluster.server.link.register(makeNode(id));
  await cluster.run(makeJob({ groups: [{ Count: 2 }] }));
  for (const alloc of cluster.running()) await cluster.report(alloc);
  await cluster.server.nodes.setStatus("node-2", "down", "heartbeat missed");
  await cluster.settled();
  t.deepEqual(
    cluster.running().map(({ NodeID }) => NodeID),
    ["node-1", "node-1"],
  );
  const lost = cluster.allocs().filter((known) => clientStatus(known) === "lost");
  t.is(lost.length, 1);
  t.is(
    lost[0]?.alloc.NextAllocation,
    cluster.running().find(({ PreviousAllocation }) => PreviousAllocation !== "")?.ID,
  );
});

test("an allocation that was told to stop keeps its port until its client says it ended", async (t) => {
  const cluster = await startCluster();
  t.teardown(() => cluster.stop());
  await cluster.server.link.register(makeNode("node-1"));
  await cluster.run(redis());
  const [old] = cluster.running("redis-cache");
  await cluster.report(old!);
  await cluster.server.jobs.deregister("default", "redis-cache", { purge: true });
  await cluster.settled();
  t.is(cluster.running("redis-cache").length, 0);
  const other = { ...redis(), ID: "other", Name: "other" };
  const evaluation = await cluster.run(other);
  t.deepEqual(evaluation?.QueuedAllocations, { cache: 2 });
  await cluster.report(old!, { ClientStatus: "complete" });
  await cluster.settled();
  t.is(cluster.running("other").length, 1);
});

test("an update in place of a static port takes it over on the same node", async (t) => {
  const cluster = await startCluster();
  t.teardown(() => cluster.stop());
  await cluster.server.link.register(makeNode("node-1"));
  const job = redis();
  const one = { ...job, TaskGroups: job.TaskGroups.map((group) => ({ ...group, Count: 1 })) };
  await cluster.run(one);
  const [old] = cluster.running("redis-cache");
  await cluster.report(old!);
  const changed = { ...one, TaskGroups: one.TaskGroups.map((group) => ({ ...group, Meta: { a: "b" } })) };
  await cluster.run(changed);
  const [next] = cluster.running("redis-cache");
  t.not(next?.ID, old?.ID);
  t.is(next?.PreviousAllocation, old?.ID);
  t.is(next?.JobVersion, 1);
  t.is(cluster.state.alloc("default", old!.ID)?.value.DesiredDescription, "alloc is being updated due to job update");
});

test("a failed allocation waits for its delay with an evaluation of its own", async (t) => {
  const cluster = await startCluster();
  t.teardown(() => cluster.stop());
  await cluster.server.link.register(makeNode("node-1"));
  await cluster.run(makeJob());
  const [alloc] = cluster.running();
  await cluster.report(alloc!, { ClientStatus: "failed", ModifyTime: Date.now() * 1e6 });
  await cluster.settled();
  const followUp = cluster.state.evaluation("default", cluster.running()[0]!.FollowupEvalID)?.value;
  t.is(followUp?.TriggeredBy, "alloc-failure");
  t.true((followUp?.WaitUntil ?? 0) > Date.now() * 1e6);
  // Evaluated by hand, with the wish to have it back now.
  const again = await cluster.server.jobs.evaluate("default", "app", { forceReschedule: true });
  t.true(again.ok);
  await cluster.settled();
  const [next] = cluster.running();
  t.is(next?.PreviousAllocation, alloc?.ID);
  t.is(next?.RescheduleTracker?.Events.length, 1);
});

test("a server that starts anew goes on with what is open", async (t) => {
  const cluster = await startCluster();
  t.teardown(() => cluster.stop());
  await cluster.server.link.register(makeNode("node-1"));
  cluster.server.stop();
  const done = await cluster.server.jobs.register(makeJob());
  t.true(done.ok);
  await cluster.settled();
  t.is(cluster.running().length, 0);
  const next = createSchedulerServer({ env: cluster.env, store: cluster.store, view: cluster.view });
  next.start();
  t.teardown(() => next.stop());
  await until(() => cluster.running().length === 1);
  t.pass();
});

test("registering: versions count changes, an unchanged job keeps its own, check-index refuses", async (t) => {
  const cluster = await startCluster();
  t.teardown(() => cluster.stop());
  const { jobs } = cluster.server;
  const first = await jobs.register(makeJob(), { checkIndex: 0 });
  const index = first.ok ? first.value.jobModifyIndex : 0;
  const same = await jobs.register(makeJob());
  t.is(same.ok && same.value.jobModifyIndex, index);
  t.is(cluster.state.job("default", "app")?.value.Version, 0);
  const wrong = await jobs.register(makeJob({ Priority: 60 }), { checkIndex: index + 7 });
  t.regex(wrong.ok ? "" : wrong.error.message, /conflicting job modify index/);
  t.true((await jobs.register(makeJob({ Priority: 60 }), { checkIndex: index })).ok);
  t.is(cluster.state.job("default", "app")?.value.Version, 1);
  t.true((await jobs.scale("default", "app", { group: "web", count: 4, message: "", error: false, meta: {} })).ok);
  t.true((await jobs.revert("default", "app", { version: 0, enforcePriorVersion: undefined })).ok);
  const now = cluster.state.job("default", "app")?.value;
  t.deepEqual([now?.Version, now?.Priority, now?.TaskGroups[0]?.Count], [3, 50, 1]);
  for (let i = 0; i < 10; i++) await jobs.register(makeJob({ Priority: 10 + i }));
  t.true(cluster.state.jobVersions("default", "app").length <= 7);
});

test("many jobs at once: all are placed, and nothing is placed twice", async (t) => {
  const cluster = await startCluster();
  t.teardown(() => cluster.stop());
  for (const id of ["node-1", "node-2", "node-3"]) await cluster.server.link.register(makeNode(id));
  const small = (ID: string) =>
    makeJob({
      ID,
      Name: ID,
      groups: [{ Tasks: [{ Name: "main", Driver: "mock", Resources: { CPU: 100, MemoryMB: 10 } }] }],
    });
  const ids = Array.from({ length: 100 }, (_, i) => `job-${i}`);
  await Promise.all(ids.map((id) => cluster.server.jobs.register(small(id))));
  await cluster.settled();
  t.deepEqual(
    ids.map((id) => cluster.running(id).length),
    ids.map(() => 1),
  );
  for (const slot of [0, 1, 2]) t.true(cluster.server.table.cpuUsed[slot]! <= 4000);
});

test("what is over is collected; what somebody may still need is not", async (t) => {
  const cluster = await startCluster();
  t.teardown(() => cluster.stop());
  await cluster.server.link.register(makeNode("node-1"));
  await cluster.run(makeJob());
  await cluster.run(makeJob({ ID: "gone", Name: "gone" }));
  await cluster.server.jobs.deregister("default", "gone", { purge: false });
  await cluster.settled();
  await cluster.server.collector.run(GC_NOW);
  t.is(cluster.allocs("gone").length, 1, "its client has not said that it ended");
  await cluster.report(cluster.allocs("gone")[0]!.alloc, { ClientStatus: "complete" });
  await cluster.server.collector.run(GC_NOW);
  t.is(cluster.allocs("gone").length, 0);
  t.is(cluster.state.job("default", "gone"), undefined);
  t.is(cluster.state.jobEvals("default", "gone").length, 0);
  t.is(cluster.running().length, 1);
  t.is(cluster.state.jobEvals("default", "app").length, 1);
});

test("a plan is checked again when it is applied: what no longer fits is refused, the rest is written", async (t) => {
  const cluster = await startCluster();
  t.teardown(() => cluster.stop());
  await cluster.server.link.register(makeNode("node-1"));
  const { context, table } = cluster.server;
  const evaluation = newEvaluation({
    id: "eval-1",
    namespace: "default",
    jobId: "app",
    type: "service",
    priority: 50,
    trigger: "job-register",
    nowNs: 1,
    fields: { Status: "complete" },
  });
  const { revision } = await cluster.store.txn({ then: [putEval(evaluation)] });
  const usage = { cpu: 3000, memory: 100, disk: 0, cores: [], devices: [], ports: [] };
  const create = (id: string) => ({
    alloc: { ...newAllocRecord(id), NodeID: "node-1" },
    usage,
    previous: undefined,
    previousAlone: undefined,
    evictions: [],
    claims: [],
  });
  const applier = new PlanApplier({
    store: cluster.store,
    table,
    clock: cluster.env.clock,
    log: silentLog,
    restore: () => {},
  });
  const plan = {
    evaluation,
    evalModifyIndex: revision,
    creates: [create("one"), create("two")],
    changes: [],
    bases: new Map(),
    deployments: [],
    result: { ...evaluation, StatusDescription: "done" },
    evaluations: [],
    annotations: {},
    allAtOnce: false,
  };
  const restored: string[] = [];
  const strict = new PlanApplier({
    store: cluster.store,
    table,
    clock: cluster.env.clock,
    log: silentLog,
    restore: (allocs) => {
      for (const { ID } of allocs) restored.push(table.drop(ID) === undefined ? "" : ID);
    },
  });
  t.like(await strict.apply({ ...plan, allAtOnce: true }), { kind: "partial", refused: 2 });
  t.deepEqual(restored, ["one"]);
  t.is(context.state.alloc("default", "one"), undefined);
  t.like(await applier.apply(plan), { kind: "partial", refused: 1 });
  t.not(context.state.alloc("default", "one"), undefined);
  t.is(context.state.alloc("default", "two"), undefined);
  t.is(context.state.evaluation("default", "eval-1")?.value.StatusDescription, "");
  t.is((await applier.apply({ ...plan, creates: [], evalModifyIndex: revision - 1 })).kind, "stale");
});

test("an end once reported stays: a node that forgot it is told, and not believed", async (t) => {
  const cluster = await startCluster();
  t.teardown(() => cluster.stop());
  await cluster.server.link.register(makeNode("node-1"));
  await cluster.run(makeJob());
  const [alloc] = cluster.running();
  if (alloc === undefined) return t.fail("nothing was placed");
  const poll = { nodeId: "node-1", index: 0, waitMs: 0, signal: new AbortController().signal };
  await cluster.report(alloc);
  t.is((await cluster.server.link.allocs(poll)).allocs[0]?.ended, undefined);
  await cluster.report(alloc, { ClientStatus: "failed" });
  await cluster.report(alloc, { ClientStatus: "running" });
  const known = cluster.allocs().find((each) => each.alloc.ID === alloc.ID);
  t.is(known?.report?.ClientStatus, "failed");
  const reply = await cluster.server.link.allocs(poll);
  t.true(reply.allocs.find((each) => each.alloc.ID === alloc.ID)?.ended);
});

test("a node that starts again tells what the servers know: nothing of it is written twice", async (t) => {
  const cluster = await startCluster();
  t.teardown(() => cluster.stop());
  await cluster.server.link.register(makeNode("node-1"));
  await cluster.run(makeJob());
  const [alloc] = cluster.running();
  await cluster.report(alloc!, { ClientStatus: "running", ModifyTime: 1 });
  const { revision } = cluster.store.status();
  await cluster.report(alloc!, { ClientStatus: "running", ModifyTime: 2 });
  t.is(cluster.store.status().revision, revision);
  await cluster.report(alloc!, { ClientStatus: "complete", ModifyTime: 3 });
  t.true(cluster.store.status().revision > revision);
  t.is(cluster.allocs()[0]?.report?.ModifyTime, 3);
});

test("a paused queue keeps evaluations until operators let it go on", async (t) => {
  const cluster = await startCluster();
  t.teardown(() => cluster.stop());
  await cluster.server.link.register(makeNode("node-1"));
  const pause = (PauseEvalBroker: boolean) =>
    cluster.store.txn({
      then: [
        put(
          schedulerConfigurations,
          { namespace: GLOBAL, id: CURRENT },
          v.parse(SchedulerConfigurationSchema, { PauseEvalBroker }),
        ),
      ],
    });
  await pause(true);
  t.true((await cluster.server.jobs.register(makeJob())).ok);
  await new Promise((resolve) => setTimeout(resolve, 20));
  t.is(cluster.running().length, 0);
  await pause(false);
  await until(() => cluster.running().length === 1);
});
