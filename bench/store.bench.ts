import { execFile } from "node:child_process";
import { fdatasyncSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { openSqliteStore } from "#base/platform/sqlite/sqlite-store.ts";
import type { Store } from "#base/state/store.ts";
import { measureOf, type Bench, type BenchContext, type Contestant, type Measure } from "./harness.ts";
import { startEtcd, type Etcd } from "./store/etcd.ts";
import { itemOp } from "./store/records.ts";
import { startRedis, type Redis } from "./store/redis.ts";

const VALUE = "x".repeat(256);
const IN_FLIGHT = 64;
const BATCH = 1000;

interface Stores {
  readonly lares: Store;
  readonly etcd: Etcd;
  readonly redis: Redis;
  readonly folder: string;
}

export const bench: Bench = {
  name: "store",
  title: "the embedded store beside etcd and Redis, everything durable before it is answered",
  async run(context) {
    const folder = await context.tempDir();
    const lares = await openSqliteStore({ folder: join(folder, "lares") });
    context.defer(() => lares.close());
    const etcd = await startEtcd(folder);
    context.defer(() => etcd.stop());
    const redis = await startRedis(folder, IN_FLIGHT);
    context.defer(() => redis.stop());
    const stores = { lares, etcd, redis, folder };
    await settle(stores);
    context.say("puts, batches, watches");
    const small = await context.takeTurns([
      ...parallelPuts(stores, context),
      ...singlePuts(stores, context),
      ...batches(stores),
      ...watches(stores),
      ...ranges(stores),
    ]);
    return { measures: [...small, ...(await large(context))], notes };
  },
};

const notes = [
  "etcd 3.4 (Debian), one member, driven over gRPC by 4 connections; Redis 7.0 (Debian), appendfsync always, 64 connections.",
  "Values of 256 bytes. The disk's own time: 256 bytes appended to a file and fdatasync, interleaved with the puts.",
  "Batches: transactions of 1,000 puts, 4 in flight (Lares, etcd), MSET of 1,000 (Redis). Keys are random UUIDs.",
  "Start: a fresh process opens the store and follows it in a view with one secondary index, files in the page cache.",
];

/** The WAL reaches its size and is written over from then on. */
async function settle({ lares, etcd, redis }: Stores): Promise<void> {
  for (let i = 0; i < 1500; i++) await lares.txn({ then: [{ op: "put", key: `warm/${i % 10}`, value: VALUE }] });
  for (let i = 0; i < 200; i++)
    await Promise.all([etcd.put(`warm/${i}`, VALUE), redis.command("SET", `warm/${i}`, VALUE)]);
}

function parallelPuts({ lares, etcd, redis }: Stores, { quick }: BenchContext): Contestant[] {
  const rate = (count: number, put: (key: string) => Promise<unknown>) => async () =>
    perSecond(quick ? count / 4 : count, IN_FLIGHT, (i) => put(`put/${i % 5000}`));
  const base = { unit: "ops/s", better: "more" } as const;
  return [
    {
      ...base,
      name: "put, 64 in flight",
      against: "put, 64 in flight: etcd",
      target: { text: "≥ 2× etcd", ratioAtLeast: 2 },
      turn: rate(40_000, (key) => lares.txn({ then: [{ op: "put", key, value: VALUE }] })),
    },
    { ...base, name: "put, 64 in flight: etcd", peer: true, turn: rate(8000, (key) => etcd.put(key, VALUE)) },
    {
      ...base,
      name: "put, 64 in flight: Redis",
      peer: true,
      turn: rate(40_000, (key) => redis.command("SET", key, VALUE)),
    },
  ];
}

function singlePuts({ lares, etcd, redis, folder }: Stores, { quick }: BenchContext): Contestant[] {
  const file = openSync(join(folder, "probe"), "w");
  const bytes = Buffer.alloc(256, "x");
  const sync = (): void => {
    writeSync(file, bytes);
    fdatasyncSync(file);
  };
  const put = (): Promise<unknown> => lares.txn({ then: [{ op: "put", key: "single", value: VALUE }] });
  const rounds = quick ? 10 : 30;
  const interleaved = async (): Promise<{ syncUs: number; putUs: number }> => {
    const syncs: number[] = [];
    const puts: number[] = [];
    for (let round = 0; round < rounds; round++) {
      for (let i = 0; i < 10; i++) syncs.push(await timeUs(sync));
      for (let i = 0; i < 20; i++) puts.push(await timeUs(put));
    }
    return { syncUs: median(syncs), putUs: median(puts) };
  };
  /** Both figures of a round are of one pass, so that the same load lies on both: whoever's turn comes first makes it. */
  let pass: ReturnType<typeof interleaved> | undefined;
  const shared = async (pick: "syncUs" | "putUs"): Promise<number> => {
    const whole = pass ?? interleaved();
    pass = pass === undefined ? whole : undefined;
    return (await whole)[pick];
  };
  const alone = (work: () => Promise<unknown>) => async () => {
    const times: number[] = [];
    for (let i = 0; i < rounds * 10; i++) times.push(await timeUs(work));
    return median(times);
  };
  const base = { unit: "µs", better: "less" } as const;
  return [
    {
      ...base,
      name: "one put after the other",
      against: "the disk's own sync",
      target: { text: "≤ 1.3× the disk's own sync", ratioAtMost: 1.3 },
      turn: () => shared("putUs"),
    },
    { ...base, name: "the disk's own sync", peer: true, turn: () => shared("syncUs") },
    { ...base, name: "one put after the other: etcd", peer: true, turn: alone(() => etcd.put("single", VALUE)) },
    {
      ...base,
      name: "one put after the other: Redis",
      peer: true,
      turn: alone(() => redis.command("SET", "single", VALUE)),
    },
  ];
}

function batches({ lares, etcd, redis }: Stores): Contestant[] {
  const base = { unit: "records/s", better: "more" } as const;
  const rate = (count: number, write: (records: (readonly [string, string])[]) => Promise<unknown>) => async () => {
    const made = Array.from({ length: count }, () =>
      Array.from({ length: BATCH }, () => [`batch/${crypto.randomUUID()}`, VALUE] as const),
    );
    return BATCH * (await perSecond(count, 4, (i) => write(made[i]!)));
  };
  return [
    {
      ...base,
      name: "batches of 1,000",
      against: "batches of 1,000: etcd",
      turn: rate(30, (records) => lares.txn({ then: records.map(([key, value]) => ({ op: "put", key, value })) })),
    },
    { ...base, name: "batches of 1,000: etcd", peer: true, turn: rate(10, (records) => etcd.putAll(records)) },
    {
      ...base,
      name: "batches of 1,000: Redis",
      peer: true,
      turn: rate(30, (records) => redis.command("MSET", ...records.flat())),
    },
  ];
}

function watches({ lares, etcd }: Stores): Contestant[] {
  const base = { unit: "µs", better: "less" } as const;
  let laresSaw = (): void => {};
  let etcdSaw = (): void => {};
  lares.watch({ prefix: "watch/", onRevision: () => laresSaw(), onEnd: () => {} });
  const watching = etcd.watch("watch/", () => etcdSaw());
  const latency = (hear: (saw: () => void) => void, put: () => Promise<unknown>) => async () => {
    await watching;
    const times: number[] = [];
    for (let i = 0; i < 200; i++) {
      const began = performance.now();
      const seen = new Promise<number>((resolve) => hear(() => resolve((performance.now() - began) * 1000)));
      await put();
      times.push(await seen);
    }
    return median(times);
  };
  return [
    {
      ...base,
      name: "put until the watch hears of it",
      against: "put until the watch hears of it: etcd",
      turn: latency(
        (saw) => (laresSaw = saw),
        () => lares.txn({ then: [{ op: "put", key: "watch/a", value: VALUE }] }),
      ),
    },
    {
      ...base,
      name: "put until the watch hears of it: etcd",
      peer: true,
      turn: latency(
        (saw) => (etcdSaw = saw),
        () => etcd.put("watch/a", VALUE),
      ),
    },
  ];
}

function ranges({ lares }: Stores): Contestant[] {
  const turn = async (): Promise<number> => {
    const began = performance.now();
    const { records } = await lares.range({ prefix: "put/" });
    return (records.length / (performance.now() - began)) * 1000;
  };
  return [{ name: "range over 5,000", unit: "records/s", better: "more", turn }];
}

/** A store filled to a million keys, then started. */
async function large(context: BenchContext): Promise<Measure[]> {
  const keys = context.quick ? 200_000 : 1_000_000;
  const fills: Fill[] = [];
  const starts: number[] = [];
  for (let round = 0; round < Math.min(context.rounds, 3); round++) {
    context.say(`filling a store with ${keys} records, starting it`);
    const folder = await context.tempDir();
    fills.push(await fill(folder, keys));
    for (let i = 0; i < 2; i++) starts.push(await start(folder, keys));
  }
  const name = keys.toLocaleString("en");
  const rate = { unit: "records/s", better: "more" } as const;
  return [
    measureOf(
      {
        ...rate,
        name: `batches of 1,000 up to ${name} keys`,
        target: { text: "≥ 150,000 records/s", atLeast: 150_000 },
      },
      ...fills.map(({ all }) => all),
    ),
    measureOf({ ...rate, name: "… the first tenth" }, ...fills.map(({ first }) => first)),
    measureOf(
      { ...rate, name: "… the last tenth", against: "… the first tenth", target: { text: "flat", ratioAtLeast: 0.8 } },
      ...fills.map(({ last }) => last),
    ),
    measureOf(
      { name: `start with ${name} records`, unit: "ms", better: "less", target: { text: "≤ 4 s", atMost: 4000 } },
      ...starts,
    ),
  ];
}

interface Fill {
  readonly all: number;
  readonly first: number;
  readonly last: number;
}

async function fill(folder: string, keys: number): Promise<Fill> {
  const store = await openSqliteStore({ folder });
  const tenths: number[] = [];
  for (let tenth = 0; tenth < 10; tenth++) {
    // Making the records is not the store's work: done before the clock runs.
    const count = keys / 10 / BATCH;
    const txns = Array.from({ length: count }, (_, i) =>
      Array.from({ length: BATCH }, (_, k) => itemOp(i * BATCH + k)),
    );
    tenths.push(BATCH * (await perSecond(count, 4, (i) => store.txn({ then: txns[i]! }))));
  }
  await store.close();
  const all = 10 / tenths.reduce((sum, rate) => sum + 1 / rate, 0);
  return { all, first: tenths[0]!, last: tenths[9]! };
}

async function start(folder: string, keys: number): Promise<number> {
  const script = new URL("store/start-process.ts", import.meta.url).pathname;
  const { stdout } = await promisify(execFile)(process.execPath, [
    "--disable-warning=ExperimentalWarning",
    script,
    folder,
  ]);
  const [ms = NaN, rows] = stdout.trim().split(" ").map(Number);
  if (rows !== keys) throw new Error(`the view holds ${rows} rows, not ${keys}`);
  return ms;
}

async function perSecond(count: number, inFlight: number, work: (i: number) => Promise<unknown>): Promise<number> {
  let next = 0;
  const began = performance.now();
  const run = async (): Promise<void> => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: inFlight }, run));
  return (count / (performance.now() - began)) * 1000;
}

async function timeUs(work: () => unknown): Promise<number> {
  const began = performance.now();
  await work();
  return (performance.now() - began) * 1000;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
}
