import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import fc from "fast-check";
import { silentLog } from "#base/env/log.ts";
import { createEnv } from "#base/platform/create-env.ts";
import type { Backup } from "#base/protocol/backup.ts";
import { GLOBAL, keyOf } from "#base/protocol/keys.ts";
import { put } from "#base/state/codec.ts";
import { MemoryStore } from "#base/state/memory/memory-store.ts";
import { Snapshots } from "#base/state/snapshot/snapshots.ts";
import { readSnapshot } from "#base/state/snapshot/read-snapshot.ts";
import { backups, clusterIdentities } from "#base/state/tables.ts";
import { followView } from "#base/state/view.ts";
import { BackupKeeper } from "#daemons/backup/backup-keeper.ts";
import { backupName, backupsIn, readBackupName, surplus } from "#daemons/backup/backup-name.ts";
import { dueMs } from "#daemons/backup/due.ts";
import { folderTarget } from "#daemons/backup/folder-target.ts";
import { readObjectPage, readS3Error } from "#daemons/backup/s3/read-xml.ts";
import { s3Target } from "#daemons/backup/s3/s3-target.ts";
import { EMPTY_SHA256, sign } from "#daemons/backup/s3/sign.ts";
import type { BackupTarget } from "#daemons/backup/target.ts";
import { until } from "#test/scenario/agent.ts";
import { startS3 } from "./s3-server.ts";

const system = createEnv({ logLevel: "error" });
const env = { ...system, log: silentLog };
const root = mkdtempSync(join(tmpdir(), "lares-backup-"));
test.after.always(() => {
  system.close();
  rmSync(root, { recursive: true, force: true });
});

const CLUSTER = "0123456789abcdef";

async function keeperOf(targets: readonly BackupTarget[], intervalMs = 0) {
  const store = new MemoryStore();
  const view = await followView(store, [backups, clusterIdentities]);
  const identity = { ClusterID: CLUSTER, Region: "global", CreatedMs: 1 };
  await store.txn({ then: [put(clusterIdentities, { namespace: GLOBAL, id: "current" }, identity)] });
  const told: (readonly Backup[] | undefined)[] = [];
  const keeper = new BackupKeeper({
    env,
    store,
    view,
    snapshots: new Snapshots({ env, store, view, passphrase: "secret" }),
    targets,
    intervalMs,
    folder: mkdtempSync(join(root, "spool-")),
    server: "s1",
    onState: (rows) => told.push(rows),
  });
  return { store, view, keeper, told };
}

async function bytesOf(body: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of body) parts.push(part);
  return Buffer.concat(parts);
}

test("requests are signed as Amazon's own examples are", (t) => {
  // https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
  const keys = {
    accessKeyId: "AKIAIOSFODNN7EXAMPLE",
    secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    region: "us-east-1",
  };
  const at = Date.UTC(2013, 4, 24);
  const host = "examplebucket.s3.amazonaws.com";
  const plain = { host, query: {}, headers: {}, sha256: EMPTY_SHA256 };
  const signatureOf = (request: Parameters<typeof sign>[0]): string =>
    sign(request, keys, at).headers["authorization"]?.split("Signature=")[1] ?? "";
  t.is(
    signatureOf({ ...plain, method: "GET", path: "/test.txt", headers: { range: "bytes=0-9" } }),
    "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
  );
  t.is(
    signatureOf({ ...plain, method: "GET", path: "/", query: { prefix: "J", "max-keys": "2" } }),
    "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
  );
  t.is(
    signatureOf({
      ...plain,
      method: "PUT",
      path: "/test$file.text",
      headers: { date: "Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class": "REDUCED_REDUNDANCY" },
      sha256: "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
    }),
    "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
  );
});

test("a name says of which cluster, when, at which revision; the oldest of a cluster go, others' stay", (t) => {
  const part = fc.record({
    cluster: fc.stringMatching(/^[0-9a-f]{8}$/),
    madeMs: fc.integer({ min: 0, max: 253_402_300_799 }).map((seconds) => seconds * 1000),
    revision: fc.nat(),
  });
  fc.assert(fc.property(part, (name) => t.deepEqual(readBackupName(backupName(name)), name)));
  fc.assert(fc.property(fc.string(), (text) => void readBackupName(text)));
  const files = [1, 2, 3].flatMap((day) =>
    ["aaaaaaaa", "bbbbbbbb"].map((cluster) => ({
      name: backupName({ cluster, madeMs: day * 86_400_000, revision: day }),
      bytes: 1,
    })),
  );
  const names = surplus([...files, { name: "holiday.jpg", bytes: 9 }], "aaaaaaaa", 2);
  t.deepEqual(names, [backupName({ cluster: "aaaaaaaa", madeMs: 86_400_000, revision: 1 })]);
  t.is(backupsIn(files)[0]?.revision, 3);
});

test("what failed is tried again sooner; a clock that was set back puts nothing off", (t) => {
  const row: Backup = { ...emptyRow, TriedAt: 1_000_000, MadeAt: 1_000_000 };
  const at = { intervalMs: 3_600_000, nowMs: 1_100_000 };
  t.is(dueMs(undefined, at), at.nowMs);
  t.is(dueMs(row, at), 4_600_000);
  t.is(dueMs({ ...row, Problem: "full" }, at), 1_300_000);
  t.is(dueMs({ ...row, TriedAt: 9e12 }, at), at.nowMs + at.intervalMs);
  t.is(dueMs(row, { ...at, intervalMs: 0 }), undefined);
});

const emptyRow: Backup = {
  Target: "a",
  Name: "",
  MadeAt: 0,
  Bytes: 0,
  Revision: 0,
  Kept: 0,
  TriedAt: 0,
  Server: "",
  Problem: "",
  FailsSince: 0,
};

test("answers of stores are read; whatever comes, nothing throws", (t) => {
  const page = readObjectPage(
    "<ListBucketResult><IsTruncated>true</IsTruncated><Contents><Key>a&amp;b&#33;</Key><Size>7</Size></Contents>" +
      "<NextContinuationToken>n=1</NextContinuationToken></ListBucketResult>",
  );
  t.deepEqual(page, { objects: [{ key: "a&b!", bytes: 7 }], next: "n=1" });
  t.is(readObjectPage("<html/>"), undefined);
  t.is(readS3Error("<Error><Code>NoSuchBucket</Code><Message>gone</Message></Error>"), "NoSuchBucket: gone");
  const tags = fc.constantFrom("<ListBucketResult>", "<Contents>", "</Contents>", "<Key>", "</Key>", "<Size>", "&#x");
  fc.assert(
    fc.property(fc.array(fc.oneof(tags, fc.string())), (parts) => {
      readObjectPage(parts.join(""));
      readS3Error(parts.join(""));
    }),
  );
  t.pass();
});

test("a folder and a real S3 store: made, listed, read back, thinned out; what fails is said and mends", async (t) => {
  const s3 = await startS3();
  t.teardown(() => s3.stop());
  const folder = join(root, "nas");
  const own = { env, retain: 2, endpoint: s3.endpoint, bucket: "backups", region: "us-east-1", ca: undefined };
  const keys = { accessKeyId: s3.id, secretAccessKey: s3.secret };
  const targets = [
    folderTarget({ disk: env.disk, name: "nas", folder, retain: 2 }),
    s3Target({ ...own, ...keys, name: "offsite", prefix: "home/lares & co/" }),
    s3Target({ ...own, ...keys, secretAccessKey: "wrong", name: "stranger", prefix: "" }),
    s3Target({ ...own, ...keys, bucket: "nowhere", name: "lost", prefix: "" }),
  ];
  const { keeper, store, told, view } = await keeperOf(targets);
  t.teardown(() => view.close());
  t.like(await keeper.run(undefined), { ok: false, error: { code: "not_leader" } });
  keeper.startLeading();
  const first = await keeper.run(undefined);
  t.regex(
    first.ok ? "" : first.error.message,
    /nas: there is no folder .*nas.*stranger: .*SignatureDoesNotMatch.*lost: .*NoSuchBucket/s,
  );
  t.deepEqual(
    keeper.rows().map(({ Problem }) => Problem === ""),
    [false, true, false, false],
  );
  mkdirSync(folder);
  writeFileSync(join(folder, "holiday.jpg"), "not ours");
  const names: string[] = [];
  for (const value of ["1", "2", "3"]) {
    await store.txn({ then: [{ op: "put", key: keyOf("kv", GLOBAL, "a"), value }] });
    for (const target of ["nas", "offsite"]) {
      const made = await keeper.run(target);
      t.true(made.ok, made.ok ? "" : made.error.message);
      names.push(made.ok ? (made.value[0]?.Name ?? "") : "");
    }
  }
  t.deepEqual(new Set(readdirSync(folder)), new Set(["holiday.jpg", names[2], names[4]]));
  const listed = await keeper.list("offsite");
  t.deepEqual(listed.ok && listed.value.map(({ name }) => name), [names[5], names[3]]);
  for (const target of ["nas", "offsite"]) {
    const found = await keeper.read(target, "latest");
    const read = readSnapshot(found.ok ? await bytesOf(found.value.body) : Buffer.alloc(0), "secret");
    t.is(read.ok && read.value.records.get(keyOf("kv", GLOBAL, "a")), "3");
  }
  t.like(await keeper.read("offsite", "lares-x.snap"), { ok: false, error: { code: "no_backup" } });
  t.like(await keeper.list("moon"), { ok: false, error: { code: "no_target" } });
  t.is(keeper.rows()[0]?.Problem, "");
  t.is(keeper.rows()[0]?.Kept, 2);
  await keeper.stopLeading();
  t.is(told.at(-1), undefined);
});

test("backups are made when they are due, by whoever leads; a disk without room leaves nothing half", async (t) => {
  const folder = mkdtempSync(join(root, "due-"));
  const target = folderTarget({ disk: env.disk, name: "nas", folder, retain: 3 });
  const { keeper, view, told } = await keeperOf([target], 60_000);
  t.teardown(() => view.close());
  keeper.startLeading();
  await until("the first backup is made", () => Promise.resolve(keeper.rows()[0]?.MadeAt !== 0));
  await until("it is told", () => Promise.resolve(told.at(-1)?.[0]?.Name !== ""));
  const [name = ""] = readdirSync(folder);
  t.is(keeper.rows()[0]?.Name, name);
  t.true((keeper.nextMs("nas") ?? 0) > Date.now());
  await keeper.stopLeading();
  const full: BackupTarget = folderTarget({
    disk: {
      ...env.disk,
      async openAppend(path, options) {
        const file = await env.disk.openAppend(path, options);
        return {
          size: 0,
          append: () => Promise.reject(new Error("no space left")),
          sync: () => file.sync(),
          close: () => file.close(),
        };
      },
    },
    name: "nas",
    folder,
    retain: 3,
  });
  const before = readFileSync(join(folder, name));
  await t.throwsAsync(full.put("lares-x.snap", { path: join(folder, name), bytes: 1, sha256: "" }), {
    message: /no space left/,
  });
  await t.throwsAsync(target.put("lares-x.snap", { path: join(folder, name), bytes: 1, sha256: "" }), {
    message: /is not what can be read there/,
  });
  t.deepEqual(readdirSync(folder), [name]);
  t.deepEqual(readFileSync(join(folder, name)), before);
});
