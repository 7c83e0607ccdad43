import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import fc from "fast-check";
import * as v from "valibot";
import { conformance } from "#base/state/conformance/conformance.ts";
import type { Clock } from "#base/env/clock.ts";
import { createSystemDisk } from "#base/platform/disk.ts";
import { createSystemRandom } from "#base/platform/random.ts";
import { openJournal } from "#base/state/memory/journal.ts";
import { MemoryStore } from "#base/state/memory/memory-store.ts";
import { BlockingQueries } from "#base/state/blocking.ts";
import { absent, decodeRow, encodeRow, put, remove, unchanged } from "#base/state/codec.ts";
import { INDEX_OFFSET_KEY, withIndexOffset } from "#base/state/index-offset.ts";
import { compareKeys, SortedKeys } from "#base/state/sorted-keys.ts";
import { TableRows } from "#base/state/table-rows.ts";
import { defineTable } from "#base/state/table.ts";
import { AllocReportSchema, AllocSchema } from "#base/protocol/alloc.ts";
import { shareAlloc, shareReport } from "#base/state/alike.ts";
import { Sharing } from "#base/state/sharing.ts";
import { followView } from "#base/state/view.ts";
import { WrittenCheck } from "#base/state/written-check.ts";
import type { Store, StoreError, TxnResult } from "#base/state/store.ts";
import { CrashDisk } from "./crash-disk.ts";
import { runAgainstModel, steps } from "./model.ts";

const root = mkdtempSync(join(tmpdir(), "lares-state-"));
test.after.always(() => rmSync(root, { recursive: true, force: true }));
let files = 0;
const freshPath = (): string => join(root, `${++files}.journal`);
const systemDisk = createSystemDisk(createSystemRandom());
const openJournaled = async (path: string, disk = systemDisk): Promise<MemoryStore> =>
  new MemoryStore(await openJournal(disk, path));

const PetSchema = v.object({ Name: v.string(), Kind: v.nullish(v.string(), "cat") });
type Pet = v.InferOutput<typeof PetSchema>;
const pets = defineTable<Pet>({
  name: "pets",
  schemaVersion: 2,
  schema: PetSchema,
  indexes: { kind: (pet) => [pet.Kind] },
});

test("a view takes the value a writer hands over; the check finds one that is changed, or says more than its text", async (t) => {
  const given = defineTable<Pet>({ ...pets, name: "given", handedOver: true });
  const store = new MemoryStore();
  const check = new WrittenCheck();
  const view = await followView(store, [pets, given], { check });
  const value = { Name: "Tom", Kind: "cat" };
  const at = { namespace: "a", id: "1" };
  const { revision } = await store.txn({ then: [put(given, at, value), put(pets, at, value)] });
  await view.reached(revision);
  t.is(view.table(given).get("a", "1")?.value, value);
  t.not(view.table(pets).get("a", "1")?.value, value);
  t.notThrows(() => check.end());
  value.Kind = "dog";
  t.throws(() => view.close(), { message: /given\/a\/1 was changed after it was written/u });
  const key = "given/a/2";
  const record = { key, createRevision: 1, modRevision: 1, version: 1 };
  const more = { table: given, value: { Name: "Rex", Kind: undefined } };
  const text = encodeRow(given, { Name: "Rex", Kind: "cat" });
  check.take({ ...record, value: text, written: more });
  t.throws(() => check.end(), { message: /given\/a\/2 says something else/u });
});

test("a view holds what was there and follows what comes", async (t) => {
  const store = new MemoryStore();
  await store.txn({ then: [put(pets, { namespace: "b", id: "1" }, { Name: "Tom", Kind: "cat" })] });
  const view = await followView(store, [pets]);
  const table = view.table(pets);
  t.is(table.get("b", "1")?.value.Name, "Tom");
  const seen: string[] = [];
  view.onChange(({ revision, rows }) =>
    seen.push(...rows.map((row) => `${revision} ${row.kind} ${row.namespace}/${row.id}`)),
  );
  const { revision } = await store.txn({
    compare: [absent(pets, "a", "x/y")],
    then: [put(pets, { namespace: "a", id: "x/y" }, { Name: "Rex", Kind: "dog" }), remove(pets, "b", "1")],
  });
  await view.reached(revision);
  t.deepEqual(seen, ["2 put a/x/y", "2 delete b/1"]);
  t.deepEqual(
    [...table.list()].map((row) => row.id),
    ["x/y"],
  );
  t.deepEqual([...table.by("kind", "cat")], []);
  const rex = [...table.by("kind", "dog")][0]!;
  const first = await store.txn({
    compare: [unchanged(pets, rex)],
    then: [put(pets, rex, { Name: "Rexi", Kind: "dog" })],
  });
  const second = await store.txn({ compare: [unchanged(pets, rex)], then: [remove(pets, "a", "x/y")] });
  t.true(first.ok);
  t.false(second.ok);
  t.is(table.get("a", "x/y")?.value.Name, "Rexi");
  t.is(table.lastIndex, 3);
  view.close();
  await store.close();
});

test("a row of a neighbouring schema is read leniently, one of a later schema is refused", (t) => {
  t.deepEqual(decodeRow(pets, encodeRow(pets, { Name: "a", Kind: "b" })), {
    ok: true,
    value: { Name: "a", Kind: "b" },
  });
  t.deepEqual(decodeRow(pets, '{"schema":1,"value":{"Name":"a"}}'), { ok: true, value: { Name: "a", Kind: "cat" } });
  t.deepEqual(decodeRow(pets, '{"schema":3,"value":{"Name":"a","New":1}}'), {
    ok: true,
    value: { Name: "a", Kind: "cat" },
  });
  t.like(decodeRow(pets, '{"schema":4,"value":{"Name":"a"}}'), { ok: false, error: { code: "newer_schema" } });
  t.like(decodeRow(pets, '{"schema":1,"value":{"Name":1}}'), { ok: false, error: { code: "bad_value" } });
  t.like(decodeRow(pets, "{"), { ok: false, error: { code: "not_json" } });
  t.like(decodeRow(pets, "7"), { ok: false, error: { code: "bad_value" } });
});

test("an offset kept in the store lifts every index", async (t) => {
  const engine = new MemoryStore();
  await engine.txn({ then: [{ op: "put", key: INDEX_OFFSET_KEY, value: "1000" }] });
  const store = await withIndexOffset(engine);
  const { revision } = await store.txn({
    then: [put(pets, { namespace: "a", id: "1" }, { Name: "Tom", Kind: "cat" })],
  });
  t.is(revision, 1002);
  const view = await followView(store, [pets]);
  const tom = view.table(pets).get("a", "1")!;
  t.deepEqual([tom.createIndex, tom.modifyIndex, view.index], [1002, 1002, 1002]);
  t.true((await store.txn({ compare: [unchanged(pets, tom)], then: [remove(pets, "a", "1")] })).ok);
  t.is(view.table(pets).lastIndex, 1003);
});

for (const { name, run } of conformance) {
  test(`memory: ${name}`, async (t) => {
    await run(new MemoryStore());
    t.pass();
  });

  test(`memory with a journal: ${name}`, async (t) => {
    const store = await openJournaled(freshPath());
    await run(store);
    await store.close();
    t.pass();
  });
}

test("memory: any history of calls gives what the model gives", async (t) => {
  await fc.assert(
    fc.asyncProperty(steps, (history) => runAgainstModel(history, { store: new MemoryStore() })),
    { numRuns: 300 },
  );
  t.pass();
});

test("memory with a journal: any history of calls, with restarts, gives what the model gives", async (t) => {
  await fc.assert(
    fc.asyncProperty(steps, async (history) => {
      const path = freshPath();
      const reopen = async (store: Store) => {
        await store.close();
        return openJournaled(path);
      };
      const engine = { store: await openJournaled(path), reopen };
      await runAgainstModel(history, engine);
      await engine.store.close();
    }),
    { numRuns: 50 },
  );
  t.pass();
});

/** Two keys that are always written together, and the number of the write. */
const pair = (n: number) => ({
  then: ["a", "b"].map((key) => ({ op: "put" as const, key: `${key}/${n}`, value: `${n}` })),
});

async function writtenPairs(store: Store): Promise<number[]> {
  const { records } = await store.range({ prefix: "" });
  const as = records.filter(({ key }) => key.startsWith("a/")).map(({ value }) => Number(value));
  const bs = records.filter(({ key }) => key.startsWith("b/")).map(({ value }) => Number(value));
  if (as.join() !== bs.join()) throw new Error(`half a transaction: ${as.join()} and ${bs.join()}`);
  return as.toSorted((x, y) => x - y);
}

test("memory with a journal: a power cut loses nothing acknowledged and halves nothing", async (t) => {
  const cut = fc.record({
    acked: fc.nat(8),
    lost: fc.integer({ min: 1, max: 6 }),
    keep: fc.float({ min: 0, max: 1, noNaN: true }),
    garble: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(cut, { minLength: 1, maxLength: 3 }), async (cuts) => {
      const path = freshPath();
      let next = 1;
      let known: number[] = [];
      for (const { acked, lost, keep, garble } of cuts) {
        const crashing = new CrashDisk(systemDisk);
        const store = await openJournaled(path, crashing.disk);
        t.deepEqual(await writtenPairs(store), known);
        for (let i = 0; i < acked; i++) t.true((await store.txn(pair(next++))).ok);
        const safe = next - 1;
        const hung = new Promise<void>((resolve) => (crashing.onHang = resolve));
        for (let i = 0; i < lost; i++) void store.txn(pair(next++));
        await hung;
        await crashing.crash(keep, garble);
        const again = await openJournaled(path);
        known = await writtenPairs(again);
        t.true(known.length === safe || known.length === next - 1, `${known.length} of ${safe} to ${next - 1}`);
        t.is(again.status().revision, known.length);
        next = known.length + 1;
        await again.close();
      }
    }),
    { numRuns: 40 },
  );
});

test("memory with a journal: a full disk refuses, keeps what it said it has, and goes on when there is room", async (t) => {
  const crashing = new CrashDisk(systemDisk);
  const path = freshPath();
  const store = await openJournaled(path, crashing.disk);
  const seen: number[] = [];
  store.watch({ prefix: "a/", onRevision: ({ revision }) => void seen.push(revision), onEnd: () => {} });
  await store.txn(pair(1));
  crashing.room = 30;
  const refused = await Promise.all([2, 3].map((n) => store.txn(pair(n)).catch((error: StoreError) => error.code)));
  t.deepEqual(refused, ["full", "full"]);
  t.deepEqual(await writtenPairs(store), [1]);
  t.is(store.status().keys, 2);
  crashing.room = Infinity;
  t.is((await store.txn(pair(4))).revision, 2);
  await store.close();
  t.deepEqual(seen, [1, 2]);
  const again = await openJournaled(path);
  t.deepEqual(await writtenPairs(again), [1, 4]);
  await again.close();
});

test("memory with a journal: writes it anew when it has grown, and refuses what was tampered with", async (t) => {
  const path = freshPath();
  const store = await openJournaled(path);
  let last: TxnResult | undefined;
  for (let i = 0; i < 40; i++) last = await store.txn({ then: [{ op: "put", key: "a", value: "x".repeat(100_000) }] });
  t.is(last?.revision, 40);
  t.true(store.status().bytes < 2_500_000);
  await store.close();
  const again = await openJournaled(path);
  t.is(again.status().revision, 40);
  t.is((await again.range({ prefix: "" })).records[0]?.version, 40);
  await again.close();
  const text = readFileSync(path, "utf8");
  writeFileSync(path, text.replace("xxxx", "xyxx"));
  t.like(await t.throwsAsync(openJournaled(path)), { code: "corrupt" });
  writeFileSync(path, "not a journal");
  t.like(await t.throwsAsync(openJournaled(path)), { code: "corrupt" });
});

/** A clock that stands still until it is told. */
function handClock() {
  const timers = new Set<{ atMs: number; fire: () => void }>();
  let soon: (() => void)[] = [];
  let nowMs = 0;
  const clock: Clock = {
    nowMs: () => nowMs,
    monotonicMs: () => nowMs,
    after(delayMs, fire) {
      const timer = { atMs: nowMs + delayMs, fire };
      timers.add(timer);
      return { cancel: () => void timers.delete(timer) };
    },
    soon: (run) => void soon.push(run),
  };
  const advance = (toMs: number): void => {
    nowMs = toMs;
    for (const timer of timers) if (timer.atMs <= nowMs && timers.delete(timer)) timer.fire();
  };
  const turn = (): void => {
    const due = soon;
    soon = [];
    for (const run of due) run();
  };
  return { clock, timers, advance, turn };
}

const still = { float: () => 0.5, bytes: (n: number) => new Uint8Array(n), uuid: () => "" };
const others = defineTable<Pet>({ name: "others", schemaVersion: 1, schema: PetSchema, indexes: {} });
const tom = { Name: "Tom", Kind: "cat" };

test("a blocking query answers at once, on a change of its tables, at its time, or when nobody waits", async (t) => {
  const store = new MemoryStore();
  const view = await followView(store, [pets, others]);
  const hand = handClock();
  const queries = new BlockingQueries({ view, clock: hand.clock, random: still });
  let reads = 0;
  const ask = (index: number, extra = {}) =>
    queries.run({
      index,
      waitMs: 1600,
      tables: [pets],
      read: () => ({ index: view.table(pets).lastIndex, size: view.table(pets).size, reads: ++reads }),
      ...extra,
    });
  t.deepEqual(await ask(0), { index: 1, size: 0, reads: 1 });
  await store.txn({
    then: [put(pets, { namespace: "a", id: "0" }, tom), put(others, { namespace: "a", id: "0" }, tom)],
  });
  await store.txn({ then: [put(pets, { namespace: "a", id: "0" }, tom)] });
  t.is((await ask(1)).index, 2);
  const waiting = ask(2);
  t.is(queries.size, 1);
  await store.txn({ then: [put(others, { namespace: "a", id: "1" }, tom)] });
  hand.turn();
  t.is(reads, 3, "another table's change wakes nobody");
  await store.txn({ then: [put(pets, { namespace: "a", id: "1" }, tom)] });
  await store.txn({ then: [put(pets, { namespace: "a", id: "2" }, tom)] });
  hand.turn();
  t.deepEqual(await waiting, { index: 5, size: 3, reads: 4 }, "two changes in a turn wake it once");
  const timed = ask(5);
  hand.advance(1649);
  t.is(queries.size, 1);
  hand.advance(1650);
  t.is((await timed).index, 5, "waits its time and half of a sixteenth");
  const gone = new AbortController();
  const abandoned = ask(5, { signal: gone.signal });
  gone.abort();
  t.is((await abandoned).index, 5);
  const read = () => {
    if (view.table(pets).size > 3) throw new Error("broken read");
    return { index: 5, size: 3, reads };
  };
  const failing = ask(5, { tables: undefined, read });
  const closed = ask(6);
  await store.txn({ then: [put(pets, { namespace: "a", id: "3" }, tom)] });
  hand.turn();
  await t.throwsAsync(failing, { message: "broken read" });
  queries.close();
  t.is((await closed).index, 6);
  t.is(queries.size, 0);
  t.is(hand.timers.size, 0, "no timer is left");
});

test("a thousand queries wait on one change, and are answered over several turns", async (t) => {
  const store = new MemoryStore();
  const view = await followView(store, [pets]);
  const hand = handClock();
  const queries = new BlockingQueries({ view, clock: hand.clock, random: still });
  let costMs = 0;
  const read = () => {
    hand.advance((costMs += 0.05));
    return { index: view.table(pets).lastIndex };
  };
  const answers = Array.from({ length: 1000 }, () => queries.run({ index: 1, waitMs: 600_000, tables: [pets], read }));
  t.is(queries.size, 1000);
  await store.txn({ then: [put(pets, { namespace: "a", id: "0" }, tom), remove(pets, "a", "1")] });
  await store.txn({ then: [put(pets, { namespace: "a", id: "0" }, tom)] });
  hand.turn();
  t.true(queries.size > 800, "the first turn ended early");
  for (let turns = 0; queries.size > 0 && turns < 50; turns++) hand.turn();
  t.deepEqual(new Set((await Promise.all(answers)).map(({ index }) => index)), new Set([2]));
});

test("sorted keys are a sorted set in the order of UTF-8, whatever the history", (t) => {
  const text = fc.oneof(
    fc.string({ unit: fc.constantFrom("a", "b", "/", "\ue000", "\uffff", "😀"), maxLength: 4 }),
    fc.string(),
  );
  const bytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));
  fc.assert(fc.property(text, text, (a, b) => t.is(Math.sign(compareKeys(a, b)), bytes(a, b))));
  const step = fc.record({ add: fc.boolean(), key: text });
  fc.assert(
    fc.property(fc.array(text), fc.array(step, { maxLength: 60 }), text, (first, history, start) => {
      const model = new Set(first);
      const keys = new SortedKeys(() => model);
      for (const { add, key } of history) {
        if (add && !model.has(key)) {
          model.add(key);
          keys.add(key);
        } else if (!add) {
          model.delete(key);
          keys.delete(key);
        }
        const sorted = [...model].toSorted(bytes);
        t.deepEqual(
          [...keys.from(start)],
          sorted.filter((one) => bytes(one, start) >= 0),
        );
        t.deepEqual(
          [...keys.under("a", start)],
          sorted.filter((one) => one.startsWith("a") && bytes(one, start) > 0),
        );
      }
    }),
    { numRuns: 60 },
  );
  const many = new Set(Array.from({ length: 5000 }, (_, i) => `${(i * 7919) % 5000}`));
  const keys = new SortedKeys(() => many);
  t.is([...keys.from("")].length, 5000);
  for (let i = 0; i < 5000; i++) {
    many.add(`x${i}`);
    keys.add(`x${i}`);
    many.delete(`${i}`);
    keys.delete(`${i}`);
  }
  t.deepEqual([...keys.from("")], [...many].toSorted());
});

test("a table's rows and indexes follow any history of writes", (t) => {
  const kinds = fc.constantFrom("cat", "dog", "owl");
  const step = fc.record({ ns: fc.constantFrom("a", "a-b", "b"), id: fc.nat(60).map(String), kind: fc.option(kinds) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (history) => {
      const rows = new TableRows(pets);
      const model = new Map<string, Pet>();
      history.forEach(({ ns, id, kind }, i) => {
        if (kind === null) rows.delete(ns, id);
        else rows.put({ namespace: ns, id, value: { Name: `${i}`, Kind: kind }, createIndex: i, modifyIndex: i });
        if (kind === null) model.delete(`${ns}/${id}`);
        else model.set(`${ns}/${id}`, { Name: `${i}`, Kind: kind });
      });
      t.is(rows.size, model.size);
      const names = (found: Iterable<{ namespace: string; id: string; value: Pet }>) =>
        Array.from(found, ({ namespace, id, value }) => `${namespace}/${id}=${value.Name}`);
      const expected = (ns: string) =>
        [...model]
          .filter(([key]) => key.startsWith(`${ns}/`))
          .map(([key, { Name }]) => `${key}=${Name}`)
          .toSorted();
      for (const ns of ["a", "a-b", "b"]) t.deepEqual(names(rows.list(ns)).toSorted(), expected(ns));
      t.deepEqual(
        Array.from(rows.list(), ({ namespace }) => namespace),
        ["a", "a-b", "b"].flatMap((ns) => expected(ns).map(() => ns)),
      );
      for (const kind of ["cat", "dog", "owl"]) {
        const wanted = [...model].filter(([, pet]) => pet.Kind === kind).map(([key, { Name }]) => `${key}=${Name}`);
        t.deepEqual(names(rows.by("kind", kind)).toSorted(), wanted.toSorted());
      }
    }),
    { numRuns: 60 },
  );
});

test("what rows have in common is one in memory, and says what it said", (t) => {
  const alloc = (fields: object) => v.parse(AllocSchema, { ID: "a", DesiredStatus: "run", ...fields });
  const sharing = new Sharing();
  const resources = () => ({ Tasks: {}, TaskLifecycles: {}, Shared: { DiskMB: 1, Networks: [], Ports: [] } });
  const [one, two] = [0, 1].map(() =>
    alloc({ AllocatedResources: resources(), Metrics: { NodesAvailable: { dc1: 3 } } }),
  );
  for (const each of [one!, two!]) shareAlloc(each, sharing);
  t.is(one!.AllocatedResources, two!.AllocatedResources);
  t.is(one!.Metrics!.NodesAvailable, two!.Metrics!.NodesAvailable);
  const words = fc.constantFrom("", "a", "running", "dc1");
  const counts = fc.dictionary(words, fc.nat({ max: 2 }));
  const allocs = fc.record({
    NodeID: words,
    EvalID: words,
    Metrics: fc.option(fc.record({ NodesAvailable: counts, ClassFiltered: counts, QuotaExhausted: fc.array(words) })),
    AllocatedResources: fc.record({
      Tasks: fc.constant({}),
      TaskLifecycles: fc.dictionary(words, fc.constant(null)),
      Shared: fc.record({ DiskMB: fc.nat({ max: 2 }), Networks: fc.constant([]), Ports: fc.constant([]) }),
    }),
  });
  fc.assert(
    fc.property(fc.array(allocs, { maxLength: 20 }), (list) => {
      const pool = new Sharing();
      const rows = list.map((fields) => alloc(fields));
      const before = JSON.stringify(rows);
      for (const row of rows) shareAlloc(row, pool);
      return JSON.stringify(rows) === before;
    }),
  );
  const details = fc.dictionary(words, words);
  const reports = fc.array(fc.record({ Type: words, Message: words, Details: details }), { maxLength: 3 });
  fc.assert(
    fc.property(fc.array(reports, { maxLength: 10 }), (list) => {
      const pool = new Sharing();
      const rows = list.map((Events) =>
        v.parse(AllocReportSchema, {
          AllocID: "a",
          ClientStatus: "running",
          TaskStates: { t: { State: "dead", Events } },
        }),
      );
      const before = JSON.stringify(rows);
      for (const row of rows) shareReport(row, pool);
      return JSON.stringify(rows) === before;
    }),
  );
});
