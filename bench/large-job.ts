/**
 * How long one user waits while another registers a job of a hundred thousand instances: the longest turn of the event
 * loop, and the longest answer to a read. `node bench/large-job.ts [count] [nodes]`
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createEnv } from "#base/platform/create-env.ts";
import { openSqliteStore } from "#base/platform/sqlite/sqlite-store.ts";
import { allocs, evals } from "#base/state/tables.ts";
import { followView } from "#base/state/view.ts";
import { createSchedulerServer } from "#daemons/scheduler/server/server.ts";
import { schedulerTables } from "#daemons/scheduler/server/tables.ts";
import { makeJob, makeNode } from "#test/daemons/scheduler/server/cluster.ts";

const count = Number(process.argv[2] ?? 100_000);
const nodeCount = Number(process.argv[3] ?? 1000);
const dir = mkdtempSync(join(tmpdir(), "lares-stall-"));
const env = createEnv({ logLevel: "error" });
const store = await openSqliteStore({ folder: join(dir, "state") });
const view = await followView(store, schedulerTables, { soon: (run) => env.clock.soon(run) });
const server = createSchedulerServer({ env, store, view });
server.start();

const perNode = Math.ceil(count / nodeCount) + 1;
for (let at = 0; at < nodeCount; at++) {
  const node = makeNode(`node-${String(at).padStart(5, "0")}`);
  node.NodeResources.Cpu.CpuShares = perNode * 10;
  node.NodeResources.Memory.MemoryMB = perNode * 10;
  node.NodeResources.Disk.DiskMB = perNode * 10;
  await server.link.register(node);
}

/** What this thread computed, so that a busy machine does not count. */
const computedMs = (): number => {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
};
let last = computedMs();
let longestMs = 0;
let probing = true;
const turns: number[] = [];
const probe = (): void => {
  const now = computedMs();
  if (now - last > 20) turns.push(now - last);
  longestMs = Math.max(longestMs, now - last);
  last = now;
  if (probing) setImmediate(probe);
};

const small = (Count: number) =>
  makeJob({
    ID: "large",
    Name: "large",
    groups: [
      {
        Count,
        EphemeralDisk: { SizeMB: 1, Sticky: false, Migrate: false },
        Tasks: [{ Name: "main", Driver: "mock", Resources: { CPU: 10, MemoryMB: 10 } }],
      },
    ],
  });

async function phase(name: string, begin: () => Promise<unknown>, over: () => boolean): Promise<void> {
  last = computedMs();
  longestMs = 0;
  turns.length = 0;
  const began = performance.now();
  let slowestMs = 0;
  await begin();
  for (let asked = 0; !over(); asked++) {
    const from = performance.now();
    // Another user registers a job of their own.
    await server.jobs.evaluate("default", "other");
    slowestMs = Math.max(slowestMs, performance.now() - from);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const tookMs = performance.now() - began;
  const over20 = turns.length;
  console.log(
    `${name}: ${(tookMs / 1000).toFixed(1)} s; longest turn ${longestMs.toFixed(1)} ms, ${over20} above 20 ms; slowest answer of another user ${slowestMs.toFixed(1)} ms`,
  );
}

await server.jobs.register(makeJob({ ID: "other", Name: "other", groups: [{ Count: 0 }] }));
setImmediate(probe);
const ended = (): boolean => view.table(evals).count("status", "pending") === 0 && hidden() === 0;
const hidden = (): number => view.staged().size;
const quiet = (): boolean => server.stats().evalsInFlight + server.stats().evalsReady === 0;
await phase(
  `place ${count}`,
  () => server.jobs.register(small(count)),
  () => quiet() && ended() && view.table(allocs).count("job", "default/large") >= count,
);
await phase(
  `stop ${count}`,
  () => server.jobs.deregister("default", "large", { purge: false }),
  () => quiet() && ended(),
);
probing = false;
server.stop();
view.close();
await store.close();
env.close();
rmSync(dir, { recursive: true, force: true });
