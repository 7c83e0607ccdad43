import { gunzipSync } from "node:zlib";
import test, { type ExecutionContext } from "ava";
import fc from "fast-check";
import * as v from "valibot";
import { createEnv } from "#base/platform/create-env.ts";
import { GLOBAL, keyOf } from "#base/protocol/keys.ts";
import { MemoryStore } from "#base/state/memory/memory-store.ts";
import { readSnapshot } from "#base/state/snapshot/read-snapshot.ts";
import { restoreSnapshot } from "#base/state/snapshot/restore-snapshot.ts";
import { RestoreWatch } from "#base/state/snapshot/restore-watch.ts";
import { finishRestore, restoreInPieces } from "#base/state/snapshot/staged-restore.ts";
import { RESTORE_MARK } from "#base/state/restore-mark.ts";
import { writeSnapshot } from "#base/state/snapshot/write-snapshot.ts";
import { silentLog } from "#base/env/log.ts";
import { put, remove } from "#base/state/codec.ts";
import { Snapshots } from "#base/state/snapshot/snapshots.ts";
import { clusterIdentities, clusterMembers, rootKeys } from "#base/state/tables.ts";
import { newMaterial, unwrap, wrap } from "#daemons/scheduler/server/keyring/key-material.ts";
import { adoptRootKey } from "#daemons/scheduler/server/keyring/sealed-keys.ts";
import { defineTable } from "#base/state/table.ts";
import { followView } from "#base/state/view.ts";
import type { Store, Txn } from "#base/state/store.ts";

const env = createEnv({ logLevel: "error" });
test.after.always(() => env.close());

async function fill(records: Readonly<Record<string, string>>): Promise<Store> {
  const store = new MemoryStore();
  const entries = Object.entries(records);
  for (let at = 0; at < entries.length; at += 5000) {
    const then = entries
      .slice(at, at + 5000)
      .map(([id, value]) => ({ op: "put" as const, key: keyOf("kv", "_", id), value }));
    await store.txn({ then });
  }
  return store;
}

async function save(store: Store, passphrase = ""): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of writeSnapshot(store, { env, passphrase })) parts.push(part);
  return Buffer.concat(parts);
}

async function contentsOf(store: Store): Promise<Record<string, string>> {
  const { records } = await store.range({ prefix: "/lares/1/" });
  return Object.fromEntries(records.map(({ key, value }) => [key, value]));
}

/** Nobody looks. */
const unseen = { hold: () => () => {}, reached: () => Promise.resolve() };

const things = defineTable({
  name: "things",
  schemaVersion: 1,
  schema: v.object({ Name: v.string() }),
  indexes: {},
});

/** Rows of one prefix, each with this name. */
async function fillThings(store: Store, count: number, name: string): Promise<void> {
  for (let at = 0; at < count; at += 5000) {
    const then = Array.from({ length: Math.min(5000, count - at) }, (_, i) =>
      put(things, { namespace: "_", id: `${name}${at + i}` }, { Name: name }),
    );
    await store.txn({ then });
  }
}

async function snapshotOf(store: Store) {
  const read = readSnapshot(await save(store), "");
  if (!read.ok) throw new Error(read.error.message);
  return read.value;
}

/** Its power goes with the transaction of this number, just before or just after that is on the disk. */
function cutAt(store: Store, number: number, isWritten: boolean): Store {
  let count = 0;
  return new Proxy(store, {
    get(whole, name) {
      if (name !== "txn")
        return typeof whole[name as "txn"] === "function" ? whole[name as "txn"].bind(whole) : whole[name as "txn"];
      return async (txn: Txn) => {
        // What only reads is no point in time of its own.
        const writes = txn.then.some(({ op }) => op !== "get");
        if (writes) count += 1;
        if (count < number || (count === number && isWritten && writes)) {
          const result = await whole.txn(txn);
          if (count < number) return result;
        }
        throw new Error("power");
      };
    },
  });
}

test("a restoration of many transactions is seen at once, by every server", async (t) => {
  const COUNT = 25_000;
  const source = new MemoryStore();
  await fillThings(source, COUNT, "new");
  const target = new MemoryStore();
  await fillThings(target, 10, "old");
  const view = await followView(target, [things]);
  const told: boolean[] = [];
  const others = await followView(target, [things], { onRestoring: (isGoingOn) => told.push(isGoingOn) });
  t.teardown(() => view.close());
  t.teardown(() => others.close());
  const sizes = new Set<number>();
  let isOver = false;
  const look = (): void => {
    for (const each of [view, others]) sizes.add(each.table(things).size);
    if (!isOver) setImmediate(look);
  };
  look();
  const { revision } = await restoreSnapshot(target, await snapshotOf(source), { view, id: "r" });
  await others.reached(revision);
  isOver = true;
  for (const each of [view, others]) t.is(each.table(things).size, COUNT);
  t.deepEqual(
    [...sizes].filter((size) => size !== 10 && size !== COUNT),
    [],
  );
  t.deepEqual(told, [true, false]);
});

const times = (count: number, text: string): string[] => Array.from({ length: count }, () => text);

test("a restoration that is cut off anywhere is carried through or taken back, whole", async (t) => {
  const source = new MemoryStore();
  await fillThings(source, 6, "new");
  const wanted = await contentsOf(source);
  const ops = Object.entries(wanted).map(([key, value]) => ({ op: "put", key, value }) as const);
  const found: string[] = [];
  for (let number = 1; found.at(-1) !== "all" && number < 50; number++) {
    for (const isWritten of [false, true]) {
      const target = new MemoryStore();
      await fillThings(target, 1, "old");
      const before = await contentsOf(target);
      const old = { op: "delete", key: Object.keys(before).join() } as const;
      const broken = cutAt(target, number, isWritten);
      const isCut = await restoreInPieces(broken, [...ops, old], { id: "r", former: "", pieceOps: 3 }).then(
        () => false,
        () => true,
      );
      // The next start may be cut off as well.
      await finishRestore(cutAt(target, 1, isWritten)).catch(() => {});
      await finishRestore(target);
      const after = await contentsOf(target);
      t.is((await target.range({ prefix: "/lares/restoring/" })).records.length, 0);
      const isOld = after["/lares/1/things/_/old0"] !== undefined;
      t.deepEqual(after, isOld ? before : wanted, `cut at transaction ${number}`);
      found.push(isCut ? (isOld ? "old" : "new") : "all");
    }
  }
  // Three pieces, the mark, three pieces.
  t.deepEqual(found, [...times(7, "old"), ...times(7, "new"), "all", "all"]);
});

test("of a restoration that another server left, and two at a time", async (t) => {
  const source = new MemoryStore();
  await fillThings(source, 12_000, "new");
  const snapshot = await snapshotOf(source);
  const target = new MemoryStore();
  await t.throwsAsync(restoreSnapshot(cutAt(target, 5, true), snapshot, { view: unseen, id: "left" }));
  // A view that is built meanwhile shows nothing of it before it is whole.
  const watched = new RestoreWatch({ store: target, clock: env.clock, log: silentLog });
  const building = followView(target, [things], { onRestoring: (isGoingOn) => watched.told(isGoingOn) });
  t.teardown(() => watched.stop());
  await Promise.all([watched.finish(), finishRestore(target)]);
  const view = await building;
  t.teardown(() => view.close());
  await view.reached(target.status().revision);
  t.is(view.table(things).size, 12_000);
  const again = new MemoryStore();
  const two = await Promise.allSettled(["a", "b"].map((id) => restoreSnapshot(again, snapshot, { view: unseen, id })));
  t.true(two.some(({ status }) => status === "fulfilled"));
  for (const each of two) if (each.status === "rejected") t.regex(String(each.reason), /nothing was changed/);
  t.deepEqual(await contentsOf(again), await contentsOf(source));
  // Of a former version, which kept no pieces.
  const heard: string[] = [];
  await again.txn({ then: [{ op: "put", key: RESTORE_MARK, value: "{}" }] });
  const log = { ...silentLog, error: (message: string) => void heard.push(message) };
  (await followView(again, [things], { log })).close();
  t.regex(heard.join(), /restore it again/);
  await restoreSnapshot(again, snapshot, { view: unseen, id: "c" });
  t.deepEqual(await contentsOf(again), await contentsOf(source));
});

test("whoever began a restoration is gone: another server carries it through", async (t) => {
  const source = new MemoryStore();
  await fillThings(source, 6, "new");
  const ops = Object.entries(await contentsOf(source)).map(([key, value]) => ({ op: "put", key, value }) as const);
  const target = new MemoryStore();
  const due: (() => void)[] = [];
  const clock = {
    ...env.clock,
    after: (_: number, fire: () => void) => {
      due.push(fire);
      return { cancel: () => {} };
    },
  };
  const watch = new RestoreWatch({ store: target, clock, log: silentLog });
  const view = await followView(target, [things], { onRestoring: (isGoingOn) => watch.told(isGoingOn) });
  t.teardown(() => view.close());
  await t.throwsAsync(restoreInPieces(cutAt(target, 5, true), ops, { id: "r", former: "", pieceOps: 2 }));
  t.is(due.length, 1);
  t.is(view.table(things).size, 0, "nothing of it is shown");
  due[0]?.();
  await view.reached(
    (await target.txn({ then: [{ op: "put", key: keyOf("kv", "_", "after"), value: "x" }] })).revision,
  );
  t.is(view.table(things).size, 6);
  t.is(due.length, 1, "and it is done");
});

test("what was saved is restored, whatever was there", async (t) => {
  const text = fc.string({ unit: "binary", maxLength: 12 });
  const records = fc.dictionary(fc.string({ minLength: 1, maxLength: 6 }), text, { maxKeys: 20 });
  const property = fc.asyncProperty(records, records, async (old, other) => {
    const store = await fill(old);
    const wanted = await contentsOf(store);
    const read = readSnapshot(await save(store), "");
    if (!read.ok) return false;
    const target = await fill(other);
    const before = target.status().revision;
    await restoreSnapshot(target, read.value, { view: unseen, id: "r" });
    t.deepEqual(await contentsOf(target), wanted);
    return target.status().revision >= before;
  });
  await fc.assert(property, { numRuns: 50 });
});

test("more than one page and transaction", async (t) => {
  const many = Object.fromEntries(Array.from({ length: 12_345 }, (_, i) => [`key-${i}`, `value ${i}`]));
  const store = await fill(many);
  const read = readSnapshot(await save(store), "");
  const target = await fill({ gone: "x" });
  const done = await restoreSnapshot(target, read.ok ? read.value : t.fail(), { view: unseen, id: "r" });
  t.like(done, { written: 12_345, deleted: 1 });
  t.deepEqual(await contentsOf(target), await contentsOf(store));
  t.like(await restoreSnapshot(target, read.ok ? read.value : t.fail(), { view: unseen, id: "r" }), {
    written: 0,
    deleted: 0,
  });
});

test("a snapshot is of one revision, whatever is written while it is made", async (t) => {
  const store = await fill(Object.fromEntries(Array.from({ length: 3000 }, (_, i) => [`key-${i}`, "old"])));
  const parts: Uint8Array[] = [];
  for await (const part of writeSnapshot(store, { env, passphrase: "" })) {
    parts.push(part);
    await store.txn({ then: [{ op: "put", key: keyOf("kv", "_", "key-2999"), value: "new" }] });
  }
  const read = readSnapshot(Buffer.concat(parts), "");
  t.deepEqual(new Set(read.ok ? read.value.records.values() : []), new Set(["old"]));
});

for (const key of ["", "horse battery"]) {
  test(`a ${key === "" ? "plain" : "encrypted"} file that was cut or changed anywhere is refused`, async (t) => {
    const file = await save(await fill({ a: "1", b: "2" }), key);
    t.true(readSnapshot(file, key).ok);
    for (let length = 0; length < file.length; length += key === "" ? 1 : 29) {
      t.false(readSnapshot(file.subarray(0, length), key).ok, `cut at ${length}`);
    }
    for (let at = 0; at < file.length; at += key === "" ? 1 : 29) {
      const changed = Buffer.from(file);
      changed[at] = (changed[at] ?? 0) ^ 1;
      t.false(readSnapshot(changed, key).ok, `changed at ${at}`);
    }
    t.false(readSnapshot(Buffer.concat([file, Buffer.from("x")]), key).ok);
  });
}

test("a file of something else, and one with another key, say so", async (t) => {
  const code = (bytes: Uint8Array, key: string) => {
    const read = readSnapshot(bytes, key);
    return read.ok ? "read" : read.error.code;
  };
  t.is(code(Buffer.from("\x1f\x8bnot ours"), ""), "no_snapshot");
  t.is(code(Buffer.alloc(0), ""), "no_snapshot");
  const file = await save(await fill({ a: "secret" }), "right");
  t.is(code(file, ""), "encrypted");
  t.is(code(file, "wrong"), "wrong_key");
  t.is(code(file, "right"), "read");
  t.false(file.includes("secret"));
});

const identity = (id: string) =>
  put(clusterIdentities, { namespace: GLOBAL, id: "current" }, { ClusterID: id, Region: "global", CreatedMs: 1 });

/** A cluster whose root key is wrapped by `wrappingKey`. */
async function cluster(t: ExecutionContext, id: string, passphrase = "") {
  const store = new MemoryStore();
  const view = await followView(store, [clusterIdentities, clusterMembers, rootKeys]);
  t.teardown(() => view.close());
  const wrappingKey = env.random.bytes(32);
  const material = newMaterial(env.random, undefined);
  const key = {
    KeyID: `key-${id}`,
    Algorithm: "aes256-gcm",
    State: "active",
    CreateTime: 1,
    PublishTime: 0,
    RetireTime: 0,
    Wrapped: wrap(material, { wrappingKey, keyId: `key-${id}` }, env.random),
  } as const;
  const { revision } = await store.txn({
    then: [identity(id), put(rootKeys, { namespace: GLOBAL, id: key.KeyID }, key)],
  });
  await view.reached(revision);
  const became: (string | undefined)[] = [];
  const snapshots = new Snapshots({
    env: { ...env, log: silentLog },
    store,
    view,
    passphrase,
    keys: {
      carried: () => Promise.resolve(Buffer.from(wrappingKey).toString("base64")),
      adopt: (value, carried) =>
        adoptRootKey(value, {
          wrappingKey,
          theirs: carried === undefined ? undefined : Buffer.from(carried, "base64"),
          random: env.random,
        }),
    },
    onAnotherCluster: (carried) => Promise.resolve(void became.push(carried)),
  });
  const opens = (keyId: string): boolean => {
    const row = view.table(rootKeys).get(GLOBAL, keyId)?.value;
    return row !== undefined && unwrap(row.Wrapped, { wrappingKey, keyId }) !== undefined;
  };
  return { store, view, snapshots, became, opens };
}

async function wholeOf(snapshots: Snapshots, redact = false): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of snapshots.save({ redact })) parts.push(part);
  return Buffer.concat(parts);
}

test("another cluster's snapshot is taken only when it is meant, into a cluster that is alone; its secrets open", async (t) => {
  const old = await cluster(t, "old", "pass");
  const bytes = await wholeOf(old.snapshots);
  const fresh = await cluster(t, "fresh", "pass");
  const before = await contentsOf(fresh.store);
  t.like(await fresh.snapshots.restore(bytes), { ok: false, error: { code: "other_cluster" } });
  const member = { NodeID: "n2", Name: "n2", Role: "client" as const };
  const at = { namespace: GLOBAL, id: "n2" };
  const joined = put(clusterMembers, at, v.parse(clusterMembers.schema, member));
  await fresh.view.reached((await fresh.store.txn({ then: [joined] })).revision);
  t.like(await fresh.snapshots.restore(bytes, { force: true }), { ok: false, error: { code: "members" } });
  const { revision } = await fresh.store.txn({ then: [remove(clusterMembers, GLOBAL, "n2")] });
  await fresh.view.reached(revision);
  t.deepEqual(await contentsOf(fresh.store), before);
  t.like(await fresh.snapshots.restore(bytes, { force: true }), { ok: true });
  t.is(fresh.snapshots.clusterId, "old");
  t.is(fresh.became.length, 1);
  t.true(fresh.opens("key-old"));
  t.false(fresh.opens("key-fresh"));
});

test("secrets that nobody here could open are refused; a snapshot without keys leaves those that are there", async (t) => {
  const old = await cluster(t, "old");
  const other = await cluster(t, "other");
  const bytes = await wholeOf(old.snapshots);
  t.like(await other.snapshots.restore(bytes, { force: true }), { ok: false, error: { code: "sealed" } });
  t.true(other.opens("key-other"));
  const redacted = await wholeOf(old.snapshots, true);
  t.false(gunzips(redacted).includes("key-old"));
  t.like(await old.snapshots.restore(redacted), { ok: true });
  t.true(old.opens("key-old"));
});

test("what a newer version made is refused by name, and changes nothing", async (t) => {
  const here = await cluster(t, "here");
  const before = await contentsOf(here.store);
  const bytes = await wholeOf(here.snapshots);
  const format = Buffer.concat([Buffer.from("lares snapshot 2\n"), bytes.subarray(bytes.indexOf(10) + 1)]);
  const refused = await here.snapshots.restore(format);
  t.regex(refused.ok ? "" : refused.error.message, /of format 2, this program reads format 1/);
  const newer = await cluster(t, "here");
  const value = `{"schema":9,"value":{}}`;
  const { revision } = await newer.store.txn({ then: [{ op: "put", key: keyOf("jobs", "default", "j"), value }] });
  await newer.view.reached(revision);
  const told = await here.snapshots.restore(await wholeOf(newer.snapshots));
  t.regex(told.ok ? "" : told.error.message, /jobs of schema 9; this program knows 1/);
  t.deepEqual(await contentsOf(here.store), before);
});

/** Of an unencrypted snapshot. */
function gunzips(bytes: Buffer): string {
  const head = bytes.indexOf(10, bytes.indexOf(10) + 1) + 1;
  return gunzipSync(bytes.subarray(head, bytes.length - 32)).toString();
}
