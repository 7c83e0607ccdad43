import { systemClock } from "#base/platform/clock.ts";
import { createEtcdClient } from "#base/platform/etcd/etcd-client.ts";
import { GLOBAL, ROOT } from "#base/protocol/keys.ts";
import { put } from "#base/state/codec.ts";
import { openEtcdStore } from "#base/state/etcd/etcd-store.ts";
import type { Store } from "#base/state/store.ts";
import { kv } from "#base/state/tables.ts";
import { followView } from "#base/state/view.ts";
import { startEtcd, type TestEtcd } from "#test/base/platform/etcd/start-etcd.ts";
import { timeMs, type Bench, type BenchContext } from "./harness.ts";
import { perSecond } from "./servers/in-flight.ts";
import { measureGrowing } from "./servers/growing.ts";
import { measureLab } from "./servers/lab-figures.ts";

const VALUE = "v".repeat(256);
const VIEW_KEYS = 100_000;
const CHUNK = 2000;

/** What is wanted: the state of three servers on etcd, beside etcd itself; all on one machine. */
export const bench: Bench = {
  name: "servers",
  title: "Three servers on etcd",
  async run(context) {
    const etcd = await startEtcd(3);
    const near = await open(etcd, 0);
    const far = await open(etcd, 1);
    const raw = createEtcdClient({ endpoints: etcd.endpoints });
    context.defer(() => raw.close());
    const count = context.quick ? 2000 : 10_000;
    const writes = await context.takeTurns([
      {
        name: "the store: writes, 64 in flight",
        unit: "ops/s",
        better: "more",
        against: "the store: etcd itself",
        target: { text: "≥ 0.8× etcd itself", ratioAtLeast: 0.8 },
        turn: () => perSecond(count, (i) => near.txn({ then: [{ op: "put", key: `w/${i}`, value: VALUE }] })),
      },
      {
        name: "the store: etcd itself",
        unit: "ops/s",
        better: "more",
        peer: true,
        turn: () =>
          perSecond(count / 4, (i) =>
            raw.txn({ compare: [], success: [{ op: "put", key: `raw/${i}`, value: VALUE }], failure: [] }, 10_000),
          ),
      },
    ]);
    const less = { unit: "ms", better: "less" } as const;
    const watched = await context.takeTurns([
      {
        ...less,
        name: "a write → another server's view",
        target: { text: "≤ 5 ms", atMost: 5 },
        turn: () => untilSeen(near, far),
      },
    ]);
    await fill(near, context);
    const rest = await context.takeTurns([
      {
        ...less,
        name: "a view of 100,000 keys",
        target: { text: "≤ 2 s", atMost: 2000 },
        turn: () => timeMs(async () => (await followView(far, [kv])).close()),
      },
    ]);
    await Promise.all([near.close(), far.close()]);
    await etcd.stop();
    const growing = await measureGrowing(context);
    const lab = await measureLab(context);
    return {
      measures: [...writes, ...watched, ...rest, ...growing, ...lab],
      notes: [
        "a server of the lab is its agent and its etcd, in a network of its own; all of them, and the callers, share one machine",
        "together, apart: etcd's own leader is on the machine that is killed, or is not; etcd elects another after one to two seconds",
      ],
    };
  },
};

let writers = 0;
function open({ endpoints }: TestEtcd, first: number): Promise<Store> {
  writers += 1;
  const order = endpoints.map((_, i) => endpoints[(i + first) % endpoints.length] ?? "");
  const api = createEtcdClient({ endpoints: order });
  return openEtcdStore({ api, clock: systemClock, writer: `bench-${writers}`, session: "1" });
}

async function fill(store: Store, { quick }: BenchContext): Promise<void> {
  const keys = quick ? VIEW_KEYS / 10 : VIEW_KEYS;
  const value = { Value: Buffer.from(VALUE).toString("base64"), Flags: "0", Session: "", LockIndex: 0 };
  for (let at = 0; at < keys; at += CHUNK) {
    const ops = Array.from({ length: CHUNK }, (_, i) => put(kv, { namespace: GLOBAL, id: `bench/${at + i}` }, value));
    await store.txn({ then: ops });
  }
}

/** Median of many. */
async function untilSeen(writer: Store, reader: Store): Promise<number> {
  const seen = new Map<string, (atMs: number) => void>();
  const watch = reader.watch({
    prefix: `${ROOT}seen/`,
    onRevision: ({ changes }) => {
      for (const change of changes) if (change.kind === "put") seen.get(change.record.value)?.(performance.now());
    },
    onEnd: () => {},
  });
  const times: number[] = [];
  for (let i = 0; i < 200; i++) {
    const heard = new Promise<number>((resolve) => seen.set(`${i}`, resolve));
    const began = performance.now();
    await writer.txn({ then: [{ op: "put", key: `${ROOT}seen/_/x`, value: `${i}` }] });
    times.push((await heard) - began);
  }
  watch.cancel();
  return times.toSorted((a, b) => a - b)[100] ?? NaN;
}
