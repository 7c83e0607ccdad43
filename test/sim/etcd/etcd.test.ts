import test from "ava";
import type { Store, Txn, WatchRequest } from "#base/state/store.ts";
import { encodeBatch, MAX_BATCH_CONDITIONAL } from "#base/state/etcd/batch.ts";
import { conformance } from "#base/state/conformance/conformance.ts";
import { openEtcdStore } from "#base/state/etcd/etcd-store.ts";
import { notLinearizable, type KeyCall } from "#sim/checkers/linearizable.ts";
import { flakyClient, WELL } from "#sim/etcd/flaky-client.ts";
import { SimEtcd } from "#sim/etcd/sim-etcd.ts";
import type { Machine } from "#sim/machine/node.ts";
import { runSeed } from "#sim/run-seed.ts";
import { etcdServersWith, type Planted } from "#sim/scenarios/etcd-servers.ts";
import { World } from "#sim/world.ts";

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

for (const { name, run } of conformance) {
  test(`the simulated etcd, as the engine meets it: ${name}`, async (t) => {
    const world = new World({ seed: 1, turn });
    const etcd = new SimEtcd();
    // A write that is sent again takes a revision even where it has no effect: the rest is for the seeds.
    const flakiness = { ...WELL, cutWatch: 0.05 };
    let outcome: Promise<void> | undefined;
    const boot = async ({ env }: Machine): Promise<void> => {
      const api = flakyClient({ world, etcd, env, flakiness: () => flakiness });
      const store = await openEtcdStore({ api, clock: env.clock, writer: "one", session: "1" });
      outcome = run(store);
      outcome.catch(() => {});
    };
    world.addNode("one", boot).start();
    t.true(await world.advanceUntil(() => outcome !== undefined, 60_000));
    await world.complete(outcome ?? Promise.reject(new Error("not begun")), 3_600_000);
    t.pass();
  });
}

test("however many transactions of a batch have no certain effect, their mark stays small", (t) => {
  const mark = { key: "mark", modRevision: 1, value: "1" };
  const shapes: readonly ((i: number) => Txn)[] = [
    // The end of a session: many come at one time.
    (i) => ({
      compare: [{ key: `s${i}`, target: "mod", op: "=", operand: i + 1 }],
      then: [
        { op: "delete", key: `s${i}` },
        { op: "deletePrefix", prefix: `locks/${i}/` },
      ],
    }),
    (i) => ({
      compare: [
        { key: `a${i}`, target: "value", op: "=", operand: "" },
        { key: `b${i}`, target: "value", op: "=", operand: "" },
      ],
      then: [{ op: "put", key: `a${i}`, value: "1" }],
    }),
    (i) => ({
      compare: [{ key: `a${i}`, target: "version", op: ">", operand: 0 }],
      then: [{ op: "delete", key: `a${i}` }],
      otherwise: [{ op: "delete", key: `b${i}` }],
    }),
  ];
  for (const shape of shapes) {
    const txns = Array.from({ length: MAX_BATCH_CONDITIONAL }, (_, i) => shape(i));
    const batch = JSON.stringify(encodeBatch(txns, mark, false));
    t.true(batch.length < 200_000, `${batch.length}`);
  }
});

test("what only reads is sent without a mark, a second time too: it is answered where no writes are taken", (t) => {
  const mark = { key: "mark", modRevision: 0, value: "1" };
  const reads: Txn[] = [
    { then: [{ op: "get", key: "a" }] },
    { compare: [{ key: "b", target: "version", op: ">", operand: 0 }], then: [{ op: "get", key: "b" }] },
  ];
  for (const isDoubtful of [false, true])
    t.false(JSON.stringify(encodeBatch(reads, mark, isDoubtful)).includes('"put"'), `${isDoubtful}`);
  const writes: Txn[] = [...reads, { then: [{ op: "delete", key: "c" }] }];
  t.deepEqual(encodeBatch(writes, mark, true).success.at(-1), { op: "put", key: "mark", value: "1" });
});

test("whatever may put weighs something at etcd's quota, and what deletes or reads does not", (t) => {
  const mark = { key: "mark", modRevision: 0, value: "1" };
  const weighs = (txn: Txn): boolean => {
    const { success, failure } = encodeBatch([txn], mark, false);
    return [success, failure].some((branch) => branch.some(({ op }) => op === "put"));
  };
  const compare = [{ key: "a", target: "version", op: "=", operand: 0 }] as const;
  const put = { op: "put", key: "a", value: "1" } as const;
  t.true(weighs({ then: [put] }));
  t.true(weighs({ compare, then: [put] }));
  t.true(weighs({ compare, then: [{ op: "get", key: "a" }], otherwise: [put] }));
  t.false(weighs({ then: [{ op: "delete", key: "a" }] }));
  t.false(weighs({ compare, then: [{ op: "get", key: "a" }] }));
});

test("many sessions end at one time: each transaction says what it did, and nothing has no effect twice", async (t) => {
  const world = new World({ seed: 1, turn });
  const etcd = new SimEtcd();
  let outcome: Promise<void> | undefined;
  const run = async (store: Store): Promise<void> => {
    const keys = Array.from({ length: 60 }, (_, i) => `s${i}`);
    await store.txn({ then: keys.map((key) => ({ op: "put", key, value: "1" })) });
    const end = (key: string) =>
      store.txn({
        compare: [{ key, target: "version", op: ">", operand: 0 }],
        then: [
          { op: "delete", key },
          { op: "deletePrefix", prefix: `locks/${key}/` },
        ],
      });
    const done = await Promise.all(keys.map(end));
    t.true(done.every(({ ok }) => ok));
    const { revision } = store.status();
    const again = await Promise.all(keys.map(end));
    t.true(again.every(({ ok }) => !ok));
    t.is(store.status().revision, revision, "what has no effect takes no revision");
  };
  const boot = async ({ env }: Machine): Promise<void> => {
    const api = flakyClient({ world, etcd, env, flakiness: () => WELL });
    outcome = run(await openEtcdStore({ api, clock: env.clock, writer: "one", session: "1" }));
    outcome.catch(() => {});
  };
  world.addNode("one", boot).start();
  t.true(await world.advanceUntil(() => outcome !== undefined, 60_000));
  await world.complete(outcome ?? Promise.reject(new Error("not begun")), 60_000);
});

const get = (start: number, end: number, value: string): KeyCall => ({ start, end, does: { kind: "get", value } });
const put = (start: number, end: number, value: string): KeyCall => ({
  start,
  end,
  does: { kind: "put", value, unknown: end === Infinity },
});
const cas = (start: number, end: number, [expected, value]: readonly [string, string], ok: boolean): KeyCall => ({
  start,
  end,
  does: { kind: "cas", expected, value, ok },
});

test("the checker of histories takes what has an order and refuses what has none", (t) => {
  const fine: readonly KeyCall[][] = [
    [],
    [get(1, 2, "")],
    [put(1, 4, "a"), get(2, 3, "a")],
    [put(1, 4, "a"), get(2, 3, "")],
    [put(1, 4, "a"), put(2, 3, "b"), get(5, 6, "a")],
    [put(1, 4, "a"), put(2, 3, "b"), get(5, 6, "b")],
    [put(1, Infinity, "a"), get(2, 3, ""), get(4, 5, "a")],
    [put(1, Infinity, "a"), get(2, 3, ""), get(4, 5, "")],
    [put(1, 2, "a"), cas(3, 4, ["a", "b"], true), cas(5, 6, ["a", "c"], false), get(7, 8, "b")],
  ];
  for (const calls of fine) t.is(notLinearizable(calls), undefined);
  const wrong: readonly KeyCall[][] = [
    [get(1, 2, "a")],
    [put(1, 2, "a"), get(3, 4, "")],
    [put(1, 2, "a"), put(3, 4, "b"), get(5, 6, "a")],
    [put(1, 6, "a"), get(2, 3, "a"), get(4, 5, "")],
    [put(1, Infinity, "a"), get(2, 3, "a"), get(4, 5, "")],
    [put(1, 2, "a"), cas(3, 4, ["a", "b"], true), cas(5, 6, ["a", "c"], true)],
    [put(1, 2, "a"), cas(3, 4, ["b", "c"], true)],
    [put(1, 2, "a"), cas(3, 4, ["a", "b"], false)],
  ];
  for (const calls of wrong) t.not(notLinearizable(calls), undefined, JSON.stringify(calls));
});

/** Every method as it is, but for those given. */
const changed = (store: Store, change: Partial<Store>): Store => ({
  txn: (txn) => store.txn(txn),
  range: (request) => store.range(request),
  scan: (request) => store.scan(request),
  watch: (request) => store.watch(request),
  compact: (revision) => store.compact(revision),
  status: () => store.status(),
  close: () => store.close(),
  ...change,
});

/** Gives the first answer to a get once more, a while later. */
const remembering = (store: Store): Store => {
  const kept = new Map<string, Awaited<ReturnType<Store["txn"]>>>();
  return changed(store, {
    txn: async (txn) => {
      const [op] = txn.then;
      const key = op?.op === "get" ? op.key : "";
      const known = kept.get(key);
      kept.delete(key);
      if (known !== undefined) return known;
      const result = await store.txn(txn);
      if (key !== "") kept.set(key, result);
      return result;
    },
  });
};

/** Says of every eighth write that it was done. */
const forgetting = (store: Store): Store => {
  let writes = 0;
  return changed(store, {
    txn: async (txn) => {
      const isPut = txn.then.some(({ op }) => op === "put") && txn.compare === undefined;
      if (!isPut || ++writes % 8 !== 0) return store.txn(txn);
      return { ok: true, revision: store.status().revision, responses: [] };
    },
  });
};

/** Does every write a second time, a while later. */
const repeating = (store: Store): Store =>
  changed(store, {
    txn: async (txn) => {
      const result = await store.txn(txn);
      if (txn.compare === undefined && txn.then.some(({ op }) => op === "put")) void again(store, txn, 20);
      return result;
    },
  });

async function again(store: Store, txn: Txn, reads: number): Promise<void> {
  for (let i = 0; i < reads; i++) await store.txn({ then: [{ op: "get", key: "k0" }] }).catch(() => undefined);
  await store.txn(txn).catch(() => undefined);
}

/** Answers the second get of a transaction with what it said the last time. */
const halving = (store: Store): Store => {
  let last: Awaited<ReturnType<Store["txn"]>>["responses"][number] | undefined;
  return changed(store, {
    txn: async (txn) => {
      const result = await store.txn(txn);
      const [first, second] = result.responses;
      if (first?.op !== "get" || second?.op !== "get") return result;
      const old = last ?? second;
      last = second;
      return { ...result, responses: [first, old] };
    },
  });
};

/** Changes what the watches of a store tell, and how they end. */
const telling = (store: Store, change: (request: WatchRequest) => Partial<WatchRequest>): Store =>
  changed(store, { watch: (request) => store.watch({ ...request, ...change(request) }) });

const leavingOut = (store: Store): Store => {
  let count = 0;
  return telling(store, ({ onRevision }) => ({
    onRevision: ({ revision, changes }) => onRevision({ revision, changes: changes.filter(() => ++count % 20 !== 0) }),
  }));
};

const skipping = (store: Store): Store => {
  let count = 0;
  return telling(store, ({ onRevision }) => ({ onRevision: (change) => ++count % 30 !== 0 && onRevision(change) }));
};

const stammering = (store: Store): Store => {
  let count = 0;
  return telling(store, ({ onRevision }) => ({
    onRevision: (change) => {
      onRevision(change);
      if (++count % 30 === 0) onRevision(change);
    },
  }));
};

/** Goes silent after a while, and says nothing of it. */
const falling = (store: Store): Store => {
  let count = 0;
  return telling(store, ({ onRevision }) => ({ onRevision: (change) => ++count < 40 && onRevision(change) }));
};

const PLANTED: Readonly<Record<string, { readonly planted: Planted; readonly found: RegExp }>> = {
  "a server that answers from memory": { planted: { store: remembering }, found: /linearizable/ },
  "a write that is acknowledged and lost": { planted: { store: forgetting }, found: /linearizable/ },
  "a write that is done twice": { planted: { store: repeating }, found: /linearizable/ },
  "half of a transaction": { planted: { store: halving }, found: /transactions are whole/ },
  "a watch that leaves a change out": { planted: { store: leavingOut }, found: /watches tell what happened/ },
  "a watch that leaves a revision out": { planted: { store: skipping }, found: /revisions are gapless/ },
  "a watch that tells a revision twice": { planted: { store: stammering }, found: /revisions are gapless/ },
  "a watch that ends and does not say so": { planted: { store: falling }, found: /views equal the store/ },
  "a server that takes itself for in touch": { planted: { hasty: true }, found: /stale reads are as old as they say/ },
  "a leader without a fence": { planted: { unfenced: true }, found: /one effective leader/ },
};

for (const [name, { planted, found }] of Object.entries(PLANTED)) {
  test(`planted and found: ${name}`, async (t) => {
    const failures: string[] = [];
    for (let seed = 1; seed <= 40 && failures.length === 0; seed++) {
      const { failure } = await runSeed(etcdServersWith(planted), { seed, turn });
      if (failure !== undefined) failures.push(failure);
    }
    t.regex(failures[0] ?? "nothing was found", found);
  });
}
