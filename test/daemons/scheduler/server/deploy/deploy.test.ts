import test from "ava";
import { makeJob, makeNode, startCluster, until } from "../cluster.ts";

const rolling = (version: string, Update: Record<string, unknown> = {}) =>
  makeJob({
    groups: [
      {
        Count: 3,
        Update: { MaxParallel: 1, ProgressDeadline: 600e9, ...Update },
        Tasks: [{ Name: "main", Driver: "mock", Env: { version }, Resources: { CPU: 100, MemoryMB: 100 } }],
      },
    ],
  });
const healthy = { DeploymentStatus: { Healthy: true, Timestamp: 1 } };

test("a rolling update replaces one after the other as they turn healthy, and makes the version stable", async (t) => {
  const cluster = await startCluster();
  t.teardown(() => cluster.stop());
  await cluster.server.link.register(makeNode("node-1"));
  const newest = () => cluster.state.jobDeployments("default", "app")[0]?.value;
  const heal = async () => {
    for (const alloc of cluster.running()) await cluster.report(alloc, healthy);
    for (const { alloc } of cluster.allocs()) {
      if (alloc.DesiredStatus === "stop") await cluster.report(alloc, { ClientStatus: "complete" });
    }
  };
  await cluster.run(rolling("a"));
  await heal();
  await until(() => newest()?.Status === "successful");
  t.true(cluster.state.jobVersion("default", "app", 0)?.value.Stable);
  await cluster.run(rolling("b"));
  for (let step = 1; step <= 3; step++) {
    await until(() => cluster.running().filter(({ JobVersion }) => JobVersion === 1).length === step);
    t.is(cluster.running().length, 3);
    await heal();
  }
  await until(() => newest()?.Status === "successful");
  t.is(newest()?.JobVersion, 1);
});

test("a deployment that fails goes back to the last stable version", async (t) => {
  const cluster = await startCluster();
  t.teardown(() => cluster.stop());
  await cluster.server.link.register(makeNode("node-1"));
  const update = { AutoRevert: true, ProgressDeadline: 0 };
  await cluster.run(rolling("a", update));
  for (const alloc of cluster.running()) await cluster.report(alloc, healthy);
  await until(() => cluster.state.jobDeployments("default", "app")[0]?.value.Status === "successful");
  await cluster.run(rolling("b", update));
  const [bad] = cluster.running().filter(({ JobVersion }) => JobVersion === 1);
  await cluster.report(bad!, { ClientStatus: "failed", DeploymentStatus: { Healthy: false, Timestamp: 1 } });
  await until(() => cluster.state.job("default", "app")?.value.Version === 2);
  const failed = cluster.state.jobDeployments("default", "app").find(({ value }) => value.JobVersion === 1);
  t.is(failed?.value.Status, "failed");
  t.is(failed?.value.StatusDescription, "Failed due to unhealthy allocations - rolling back to job version 0");
  t.is(cluster.state.job("default", "app")?.value.TaskGroups[0]?.Tasks[0]?.Env["version"], "a");
});

test("a drain moves what runs there, within max_parallel, and ends by itself", async (t) => {
  const cluster = await startCluster();
  t.teardown(() => cluster.stop());
  await cluster.server.link.register(makeNode("node-1"));
  await cluster.run(makeJob({ groups: [{ Count: 2, Migrate: { MaxParallel: 1 } }] }));
  for (const alloc of cluster.running()) await cluster.report(alloc, healthy);
  await cluster.server.link.register(makeNode("node-2"));
  const strategy = { Deadline: 3600e9, IgnoreSystemJobs: false, ForceDeadline: "", StartedAt: "" };
  await cluster.server.nodes.setDrain("node-1", strategy, { markEligible: false, meta: {} });
  await until(() => cluster.running().filter(({ NodeID }) => NodeID === "node-2").length === 1);
  await cluster.settled();
  t.is(cluster.running().filter(({ NodeID }) => NodeID === "node-2").length, 1);
  for (const alloc of cluster.running()) await cluster.report(alloc, healthy);
  await until(() => cluster.running().filter(({ NodeID }) => NodeID === "node-2").length === 2);
  for (const { alloc } of cluster.allocs()) {
    if (alloc.DesiredStatus === "stop") await cluster.report(alloc, { ClientStatus: "complete" });
  }
  await until(() => cluster.state.nodeState("node-1")?.value.DrainStrategy === null);
  t.is(cluster.state.nodeState("node-1")?.value.SchedulingEligibility, "ineligible");
});
