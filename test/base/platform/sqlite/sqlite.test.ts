import assert from "node:assert";
import { execFileSync, spawn } from "node:child_process";
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { DatabaseSync } from "node:sqlite";
import test from "ava";
import fc from "fast-check";
import { openSqliteStore } from "#base/platform/sqlite/sqlite-store.ts";
import { conformance } from "#base/state/conformance/conformance.ts";
import type { Store, StoreError } from "#base/state/store.ts";
import { runAgainstModel, steps } from "#test/base/state/model.ts";

const root = mkdtempSync(join(tmpdir(), "lares-sqlite-"));
test.after.always(() => rmSync(root, { recursive: true, force: true }));
let folders = 0;
const freshFolder = (): string => join(root, `${++folders}`);

for (const { name, run } of conformance) {
  test(`sqlite: ${name}`, async (t) => {
    const store = await openSqliteStore({ folder: freshFolder() });
    try {
      await run(store);
      t.pass();
    } finally {
      await store.close();
    }
  });
}

test("sqlite: any history of calls, with restarts, gives what the model gives", async (t) => {
  await fc.assert(
    fc.asyncProperty(steps, async (history) => {
      const folder = freshFolder();
      const reopen = async (store: { close(): Promise<void> }) => {
        await store.close();
        return openSqliteStore({ folder });
      };
      const engine = { store: await openSqliteStore({ folder }), reopen };
      try {
        await runAgainstModel(history, engine);
      } finally {
        await engine.store.close();
        rmSync(folder, { recursive: true });
      }
    }),
    { numRuns: 40 },
  );
  t.pass();
});

/** The numbers of the pairs that are there, in the order they were written; checks that none is half there. */
async function writtenPairs(store: Store): Promise<number[]> {
  const { records } = await store.range({ prefix: "" });
  const revisions = (key: string) => records.filter((one) => one.key.startsWith(key)).map((one) => one.modRevision);
  assert.deepStrictEqual(revisions("a/"), revisions("b/"), "half a transaction");
  const as = records.filter(({ key }) => key.startsWith("a/")).toSorted((x, y) => x.modRevision - y.modRevision);
  assert.deepStrictEqual(
    as.map(({ modRevision }) => modRevision),
    as.map((_, i) => i + 1),
    "a gap in the revisions",
  );
  return as.map(({ value }) => Number.parseInt(value));
}

const pair = (n: number, size = 100) => ({
  then: ["a", "b"].map((key) => ({ op: "put" as const, key: `${key}/${n}`, value: `${n} ${"x".repeat(size)}` })),
});

test("sqlite: kill -9 in mid-transaction loses nothing acknowledged, and names the holder while it lives", async (t) => {
  const folder = freshFolder();
  const acknowledged = new Set<number>();
  for (let round = 0; round < 4; round++) {
    const script = new URL("writer.ts", import.meta.url).pathname;
    const argv = ["--disable-warning=ExperimentalWarning", script, folder, `${round * 1_000_000 + 1}`];
    const child = spawn(process.execPath, argv, { stdio: ["ignore", "pipe", "inherit"] });
    const enough = 20 + round * 150;
    let seen = 0;
    for await (const line of createInterface({ input: child.stdout })) {
      if (line === "open") {
        const error = await t.throwsAsync<StoreError>(openSqliteStore({ folder }));
        t.is(error?.code, "busy");
        t.true(error?.message.includes(`process ${child.pid}`), error?.message);
      } else {
        acknowledged.add(Number(line));
        seen += 1;
        if (seen === enough) child.kill("SIGKILL");
      }
    }
    const store = await openSqliteStore({ folder });
    const there = new Set(await writtenPairs(store));
    t.deepEqual(
      [...acknowledged].filter((n) => !there.has(n)),
      [],
      "acknowledged and lost",
    );
    t.true(seen >= enough);
    await store.close();
  }
});

test("sqlite: files torn after the last sync keep every acknowledged transaction, and none by half", async (t) => {
  const folder = freshFolder();
  const store = await openSqliteStore({ folder });
  for (let n = 1; n <= 20; n++) await store.txn(pair(n));
  const synced = statSync(join(folder, "state.db-wal")).size;
  await store.txn(pair(21, 60_000));
  // By another process: closing a file drops the locks this process holds on it.
  const copy = freshFolder();
  execFileSync("cp", ["-r", folder, copy]);
  await store.close();
  const wal = readFileSync(join(copy, "state.db-wal"));
  t.true(wal.length > synced + 100_000, "the last transaction only grew the WAL");
  const tear = fc.record({
    keep: fc.double({ min: 0, max: 1, noNaN: true }),
    garble: fc.option(fc.double({ min: 0, max: 1, noNaN: true })),
  });
  let halves = 0;
  await fc.assert(
    fc.asyncProperty(tear, async ({ keep, garble }) => {
      const torn = freshFolder();
      mkdirSync(torn);
      copyFileSync(join(copy, "state.db"), join(torn, "state.db"));
      const end = synced + Math.round((wal.length - synced) * keep);
      const bytes = Buffer.from(wal.subarray(0, end));
      if (garble !== null) bytes.fill("torn", synced + Math.floor((end - synced) * garble));
      writeFileSync(join(torn, "state.db-wal"), bytes);
      const again = await openSqliteStore({ folder: torn });
      try {
        const there = await writtenPairs(again);
        t.true(there.length === 20 || there.length === 21, `${there.length} pairs`);
        if (there.length === 20) halves += 1;
        t.is((await again.txn(pair(100))).revision, there.length + 1);
      } finally {
        await again.close();
        rmSync(torn, { recursive: true });
      }
    }),
    { numRuns: 25, examples: [[{ keep: 1, garble: null }], [{ keep: 0, garble: null }], [{ keep: 1, garble: 0.5 }]] },
  );
  t.true(halves > 0);
});

test("sqlite: damage to the database is found, never served", async (t) => {
  const folder = freshFolder();
  const store = await openSqliteStore({ folder });
  for (let n = 1; n <= 60; n++) await store.txn(pair(n, 500));
  await store.close();
  const path = join(folder, "state.db");
  const good = readFileSync(path);
  let found = 0;
  await fc.assert(
    fc.asyncProperty(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 }), async (at, flip) => {
      const bad = Buffer.from(good);
      bad[at]! ^= flip;
      writeFileSync(path, bad);
      const error = await readAll(folder).then(
        (pairs) => void t.is(pairs.length, 60),
        (thrown: StoreError) => thrown,
      );
      if (error === undefined) return;
      found += 1;
      t.true(["corrupt", "foreign_version"].includes(error.code), `${error.code}: ${error.message}`);
    }),
    // Among them the version of the schema's format, and the name of a column.
    {
      numRuns: 60,
      examples: [
        [47, 1],
        [good.indexOf("checksum INTEGER"), 4],
      ],
    },
  );
  t.true(found > 10);
});

async function readAll(folder: string): Promise<number[]> {
  const store = await openSqliteStore({ folder });
  try {
    return await writtenPairs(store);
  } finally {
    await store.close();
  }
}

test("sqlite: refuses the folder of another version, another program, or no database at all", async (t) => {
  const folder = freshFolder();
  await (await openSqliteStore({ folder })).close();
  const change = (sql: string): void => {
    const db = new DatabaseSync(join(folder, "state.db"));
    db.exec(sql);
    db.close();
  };
  const refusal = async (): Promise<string> => {
    const error = await t.throwsAsync<StoreError>(openSqliteStore({ folder }));
    return `${error?.code}: ${error?.message.replaceAll(folder, "DIR")}`;
  };
  change("UPDATE meta SET value = 2 WHERE name = 'format'");
  t.is(
    await refusal(),
    "foreign_version: DIR/state.db has format 2, this lares reads format 1: " +
      "run the version that wrote it, or restore a snapshot into an empty folder",
  );
  change("DROP TABLE meta");
  t.regex(await refusal(), /^foreign_version: .*another program/);
  writeFileSync(join(folder, "state.db"), "x".repeat(10_000));
  t.regex(await refusal(), /^corrupt: .*restore a snapshot/);
  rmSync(folder, { recursive: true });
  writeFileSync(folder, "a file");
  t.regex(await refusal(), /^io: cannot open DIR/);
});

test("sqlite: files are for their owner alone", async (t) => {
  const folder = freshFolder();
  const store = await openSqliteStore({ folder });
  await store.txn(pair(1));
  const modes = readdirSync(folder).map((name) => `${name} ${(statSync(join(folder, name)).mode & 0o777).toString(8)}`);
  t.deepEqual(modes.toSorted(), ["state.db 600", "state.db-wal 600", "state.pid 600"]);
  await store.close();
  t.deepEqual(readdirSync(folder), ["state.db"]);
});

test("sqlite: at its size limit it refuses, and everything acknowledged stays", async (t) => {
  const folder = freshFolder();
  const store = await openSqliteStore({ folder, maxBytes: 400_000 });
  let acknowledged = 0;
  let refused: StoreError | undefined;
  for (let n = 1; refused === undefined; n++) {
    await store.txn(pair(n, 10_000)).then(
      () => (acknowledged = n),
      (error: StoreError) => (refused = error),
    );
  }
  t.is(refused.code, "full");
  t.regex(refused.message, /free some space/);
  t.true(acknowledged > 5);
  t.is((await writtenPairs(store)).length, acknowledged);
  t.is(store.status().revision, acknowledged);
  await store.close();
  const roomy = await openSqliteStore({ folder });
  t.is((await roomy.txn(pair(1000))).revision, acknowledged + 1);
  t.is((await writtenPairs(roomy)).length, acknowledged + 1);
  await roomy.close();
});

test("sqlite: goes on when a full disk has room again", async (t) => {
  const folder = freshFolder();
  mkdirSync(folder);
  t.is(process.getuid?.(), 0, "only root can mount a small disk");
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "lares-test", folder], { stdio: "ignore" });
  try {
    const store = await openSqliteStore({ folder: join(folder, "state") });
    await store.txn(pair(1));
    let filler = 1 << 20;
    for (; filler > 0; filler -= 65536) {
      try {
        writeFileSync(join(folder, "filler"), Buffer.alloc(filler));
        break;
      } catch {}
    }
    const codes = await Promise.all([2, 3, 4].map((n) => store.txn(pair(n, 60_000)).catch((e: StoreError) => e.code)));
    t.deepEqual(codes, ["full", "full", "full"]);
    t.deepEqual(await writtenPairs(store), [1]);
    rmSync(join(folder, "filler"));
    t.is((await store.txn(pair(5))).revision, 2);
    await store.close();
    t.deepEqual(await readAll(join(folder, "state")), [1, 5]);
  } finally {
    execFileSync("umount", [folder]);
  }
});

test("sqlite: compaction in the background bounds what a busy key costs, and watches see all of it", async (t) => {
  const folder = freshFolder();
  const store = await openSqliteStore({ folder, historyRevisions: 100, historyRows: 300 });
  const seen: number[] = [];
  store.watch({ prefix: "", fromRevision: 1, onRevision: ({ revision }) => void seen.push(revision), onEnd: () => {} });
  const value = "x".repeat(2000);
  for (let i = 0; i < 100; i++) {
    await Promise.all(Array.from({ length: 20 }, (_, k) => store.txn({ then: [{ op: "put", key: `${k}`, value }] })));
  }
  t.deepEqual(
    seen,
    Array.from({ length: 2000 }, (_, i) => i + 1),
  );
  const { compactedRevision } = store.status();
  t.true(compactedRevision >= 1700 && compactedRevision < 1950, `${compactedRevision}`);
  await store.txn({ then: [{ op: "deletePrefix", prefix: "" }] });
  await store.compact(2001);
  await store.close();
  const db = new DatabaseSync(join(folder, "state.db"));
  t.true((db.prepare("SELECT count(*) AS n FROM log").get()?.["n"] as number) <= 300);
  db.close();
  const again = await openSqliteStore({ folder, historyRevisions: 100, historyRows: 300 });
  t.like(again.status(), { revision: 2001, compactedRevision: 2001, keys: 0 });
  t.is((await again.txn(pair(1))).revision, 2002);
  await again.close();
});

test("sqlite: a store that is still loading answers everything, and a scan rides along", async (t) => {
  const folder = freshFolder();
  const first = await openSqliteStore({ folder });
  for (let i = 0; i < 6; i++) {
    await first.txn({
      then: Array.from({ length: 2000 }, (_, k) => ({ op: "put", key: `k/${k + i * 1000}`, value: `${i}` })),
    });
  }
  await first.txn({ then: [{ op: "delete", key: "k/0" }] });
  const { records: expected } = await first.range({ prefix: "k/" });
  await first.close();
  const calls = fc.array(fc.constantFrom("scan", "txn", "range", "watch"), { minLength: 1, maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(calls, fc.boolean(), async (asked, early) => {
      const store = await openSqliteStore({ folder, early });
      const watchOther = (from: Store): number[] => {
        const seen: number[] = [];
        from.watch({
          prefix: "other",
          fromRevision: 8,
          onRevision: (c) => void seen.push(c.revision),
          onEnd: () => {},
        });
        return seen;
      };
      const base = early ? undefined : store.status().revision;
      const watched: number[][] = [];
      const scan = async () => {
        const found = new Map<string, string>();
        const revision = await store.scan({
          prefix: "k/",
          onRecords: (records) => records.forEach(({ key, value }) => t.false(found.has(key)) && found.set(key, value)),
        });
        t.true(revision >= 7);
        t.deepEqual(
          Array.from(found, ([key, value]) => `${key}=${value}`).toSorted(),
          expected.map(({ key, value }) => `${key}=${value}`).toSorted(),
        );
        t.true(store.status().revision >= revision);
      };
      await Promise.all(
        asked.map(async (call) => {
          if (call === "scan") await scan();
          else if (call === "txn")
            t.true((await store.txn({ then: [{ op: "put", key: "other", value: "" }] })).revision > 7);
          else if (call === "range") t.deepEqual((await store.range({ prefix: "k/" })).records, expected);
          else watched.push(watchOther(store));
        }),
      );
      // Once for the loading, which starts the watches, and once for the history they read.
      await store.range({ prefix: "", limit: 1 });
      await store.range({ prefix: "", limit: 1 });
      t.true(base === undefined || base >= 7);
      const all = Array.from({ length: store.status().revision - 7 }, (_, i) => i + 8);
      for (const seen of watched) t.deepEqual(seen, all);
      await store.close();
    }),
    { numRuns: 12 },
  );
  const closing = await openSqliteStore({ folder, early: true });
  const ends: string[] = [];
  closing.watch({ prefix: "", onRevision: () => {}, onEnd: ({ kind }) => void ends.push(kind) });
  const scanning = closing.scan({ prefix: "", onRecords: () => {} }).catch((error: StoreError) => error.code);
  await closing.close();
  const scanned = await scanning;
  t.true(scanned === "closed" || typeof scanned === "number", `${scanned}`);
  t.deepEqual(ends, ["closed"]);
});
