import test from "ava";
import type { Clock } from "#base/env/clock.ts";
import { childrenOf, dueMs, nextLaunchMs } from "#daemons/scheduler/server/periodic.ts";
import { PeriodicLauncher } from "#daemons/scheduler/server/periodic-launcher.ts";
import { FakeClock } from "../../../../base/http/fake-clock.ts";
import { makeJob, makeNode, startCluster } from "../cluster.ts";

const HOUR_MS = 3600_000;
const hourly = (fields: Record<string, unknown> = {}) =>
  makeJob({
    ID: "backup",
    Name: "backup",
    Type: "batch",
    Periodic: { Enabled: true, Spec: "0 * * * *", TimeZone: "UTC", ...fields },
  });

async function launcherOf(clock: Clock) {
  const cluster = await startCluster();
  await cluster.server.link.register(makeNode("node-1"));
  // The server's own goes by the real clock.
  cluster.server.periodic.stop();
  const launcher = new PeriodicLauncher(
    { ...cluster.server.context, env: { ...cluster.env, clock } },
    cluster.server.jobs,
  );
  const children = () => childrenOf(cluster.state, cluster.state.job("default", "backup")!).map(({ id }) => id);
  const unfollow = cluster.view.onChange((change) => launcher.apply(change));
  const stop = async () => {
    unfollow();
    launcher.stop();
    await cluster.stop();
  };
  return { cluster, launcher, children, stop };
}

test("a periodic job runs when its time comes, as a job of its own", async (t) => {
  const clock = new FakeClock();
  const { cluster, launcher, children, stop } = await launcherOf(clock);
  t.teardown(stop);
  launcher.start();
  await cluster.server.jobs.register(hourly());
  await cluster.settled();
  t.is(cluster.running("backup").length, 0);
  clock.advance(HOUR_MS - 1);
  await cluster.settled();
  t.deepEqual(children(), []);
  clock.advance(1);
  await cluster.settled();
  t.deepEqual(children(), ["backup/periodic-3600"]);
  t.is(cluster.running("backup/periodic-3600").length, 1);
  clock.advance(HOUR_MS);
  await cluster.settled();
  t.is(children().length, 2);
  await cluster.server.jobs.deregister("default", "backup", { purge: false });
  clock.advance(5 * HOUR_MS);
  await cluster.settled();
  t.is(children().length, 2);
});

test("without overlap a launch is left out while the last one runs", async (t) => {
  const clock = new FakeClock();
  const { cluster, launcher, children, stop } = await launcherOf(clock);
  t.teardown(stop);
  launcher.start();
  await cluster.server.jobs.register(hourly({ ProhibitOverlap: true }));
  for (let i = 0; i < 3; i++) {
    clock.advance(HOUR_MS);
    await cluster.settled();
  }
  t.deepEqual(children(), ["backup/periodic-3600"]);
  const [alloc] = cluster.running("backup/periodic-3600");
  await cluster.report(alloc!, { ClientStatus: "complete" });
  clock.advance(HOUR_MS);
  await cluster.settled();
  t.deepEqual(children(), ["backup/periodic-14400", "backup/periodic-3600"]);
});

test("a launch that was slept through is made up for once", async (t) => {
  const clock = new FakeClock();
  const { cluster, launcher, children, stop } = await launcherOf(clock);
  t.teardown(stop);
  launcher.start();
  await cluster.server.jobs.register(hourly());
  clock.advance(HOUR_MS);
  await cluster.settled();
  launcher.stop();
  clock.advance(5 * HOUR_MS + 1);
  const row = cluster.state.job("default", "backup")!;
  t.is(dueMs(cluster.state, row, clock.nowMs()), 2 * HOUR_MS);
  launcher.start();
  clock.advance(0);
  await cluster.settled();
  t.deepEqual(children(), ["backup/periodic-3600", "backup/periodic-7200"]);
  t.is(nextLaunchMs(row.value, clock.nowMs()), 7 * HOUR_MS);
  t.is(nextLaunchMs(hourly({ Enabled: false }), 0), undefined);
});

test("a launch by hand", async (t) => {
  const { cluster, launcher, children, stop } = await launcherOf(new FakeClock());
  t.teardown(stop);
  await cluster.server.jobs.register(hourly());
  t.true((await launcher.force("default", "backup")).ok);
  t.deepEqual(children(), ["backup/periodic-0"]);
  await cluster.server.jobs.register(makeJob());
  const refused = await launcher.force("default", "app");
  t.regex(refused.ok ? "" : refused.error.message, /non-periodic/);
});
