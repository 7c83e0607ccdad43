import test from "ava";
import { StoreError, type Store } from "#base/state/store.ts";
import { keyOf } from "#base/protocol/keys.ts";
import { allocs } from "#base/state/tables.ts";
import { makeJob, makeNode, startCluster, until } from "../cluster.ts";

/** A store whose disk fills up and is freed again. */
function withSwitch() {
  const disk = { full: false, refused: 0 };
  const wrap = (store: Store): Store => ({
    txn(txn) {
      const writesAllocs = txn.then.some((op) => "key" in op && op.key.startsWith(keyOf(allocs.name, "default", "")));
      if (!disk.full || !writesAllocs) return store.txn(txn);
      disk.refused += 1;
      return Promise.reject(new StoreError("full", "no space left on the disk"));
    },
    range: (request) => store.range(request),
    scan: (request) => store.scan(request),
    watch: (request) => store.watch(request),
    compact: (revision) => store.compact(revision),
    status: () => store.status(),
    close: () => store.close(),
  });
  return { disk, wrap };
}

test("a full disk: the plan is taken back, nothing stays reserved, and it is made again when there is room", async (t) => {
  const { disk, wrap } = withSwitch();
  const cluster = await startCluster({ wrap, quiet: true });
  t.teardown(() => cluster.stop());
  await cluster.server.link.register(makeNode("node-1"));
  disk.full = true;
  const done = await cluster.server.jobs.register(makeJob());
  t.true(done.ok);
  await until(() => disk.refused > 0);
  t.is(cluster.server.table.cpuUsed[0], 0);
  t.is(cluster.running().length, 0);
  disk.full = false;
  await until(() => cluster.running().length === 1);
  t.is(cluster.server.table.cpuUsed[0], 100);
});

test("a plan larger than a transaction is written in parts, and completely", async (t) => {
  const cluster = await startCluster();
  t.teardown(() => cluster.stop());
  const NodeResources = {
    Cpu: { CpuShares: 10_000_000 },
    Memory: { MemoryMB: 10_000_000 },
    Disk: { DiskMB: 10_000_000 },
    Networks: [{ Mode: "host", IP: "10.0.0.1" }],
  };
  for (const id of ["node-1", "node-2"]) await cluster.server.link.register(makeNode(id, { NodeResources }));
  const done = await cluster.server.jobs.register(makeJob({ groups: [{ Count: 12_000 }] }));
  if (!done.ok) return t.fail(done.error.message);
  await until(() => cluster.state.evaluation("default", done.value.evalId)?.value.Status === "complete");
  t.is(cluster.running().length, 12_000);
  t.is(new Set(cluster.running().map(({ Name }) => Name)).size, 12_000);
});

test("a node that comes with another secret is refused", async (t) => {
  const cluster = await startCluster();
  t.teardown(() => cluster.stop());
  await cluster.server.link.register(makeNode("node-1"));
  await t.throwsAsync(cluster.server.link.register(makeNode("node-1", { SecretID: "stolen" })), {
    message: /another secret/,
  });
  t.is((await cluster.server.link.heartbeat("unknown")).status, "initializing", "it is to register");
});

test("a node that says the same again writes nothing", async (t) => {
  const cluster = await startCluster();
  t.teardown(() => cluster.stop());
  await cluster.server.link.register(makeNode("node-1"));
  const { revision } = cluster.store.status();
  await cluster.server.link.register(makeNode("node-1"));
  for (let i = 0; i < 5; i++) await cluster.server.link.heartbeat("node-1");
  t.is(cluster.store.status().revision, revision);
});

test("a long poll hears of its own node's allocations only", async (t) => {
  const cluster = await startCluster();
  t.teardown(() => cluster.stop());
  for (const id of ["node-1", "node-2"]) await cluster.server.link.register(makeNode(id, { Meta: { id } }));
  const { link } = cluster.server;
  const abort = new AbortController();
  const first = await link.allocs({ nodeId: "node-1", index: 0, waitMs: 0, signal: abort.signal });
  const own = link.allocs({ nodeId: "node-1", index: first.index, waitMs: 60_000, signal: abort.signal });
  let heard = false;
  const other = link.allocs({ nodeId: "node-2", index: first.index, waitMs: 60_000, signal: abort.signal });
  void other.then(() => (heard = true));
  const Constraints = [{ LTarget: "${meta.id}", RTarget: "node-1", Operand: "=" }];
  await cluster.run(makeJob({ Constraints }));
  t.is((await own).allocs.length, 1);
  t.false(heard);
  abort.abort();
  t.is((await other).allocs.length, 0);
});

test("reports for allocations that are gone are dropped, those of other nodes too", async (t) => {
  const cluster = await startCluster();
  t.teardown(() => cluster.stop());
  await cluster.server.link.register(makeNode("node-1"));
  await cluster.run(makeJob());
  const [alloc] = cluster.running();
  const { revision } = cluster.store.status();
  await cluster.report({ ...alloc!, ID: "nobody" });
  await cluster.report({ ...alloc!, NodeID: "node-2" });
  t.is(cluster.store.status().revision, revision);
  t.is(cluster.allocs()[0]?.report, undefined);
});
