import test from "ava";
import fc from "fast-check";
import { GLOBAL } from "#base/protocol/keys.ts";
import { systemClock } from "#base/platform/clock.ts";
import { put, remove } from "#base/state/codec.ts";
import { MemoryStore } from "#base/state/memory/memory-store.ts";
import { kv, sessions } from "#base/state/tables.ts";
import { followView } from "#base/state/view.ts";
import { KvStore } from "#daemons/discovery/kv/kv-store.ts";
import type { KvWrite } from "#daemons/discovery/kv/kv-write.ts";
import { LockDelays } from "#daemons/discovery/kv/lock-delays.ts";
import { PrefixIndex } from "#daemons/discovery/kv/prefix-index.ts";
import type { TxnOperation } from "#daemons/discovery/txn/operation.ts";
import { call, startNode } from "../node.ts";
import { runTransaction } from "#daemons/discovery/txn/transaction.ts";

const key = fc.constantFrom("a", "a/b", "a/c", "b");
const session = fc.constantFrom("s1", "s2");
const entry = { key, value: fc.constantFrom("", "MQ==", "Mg=="), flags: fc.constantFrom("0", "18446744073709551615") };
/** Indexes are chosen when the write is made: 0, the current one, or an old one. */
const which = fc.constantFrom("zero" as const, "current" as const, "old" as const);
const command = fc.oneof(
  fc.record({ verb: fc.constant("set" as const), ...entry }),
  fc.record({ verb: fc.constant("cas" as const), ...entry, which }),
  fc.record({ verb: fc.constant("lock" as const), ...entry, session }),
  fc.record({ verb: fc.constant("unlock" as const), ...entry, session }),
  fc.record({ verb: fc.constant("delete" as const), key }),
  fc.record({ verb: fc.constant("delete-cas" as const), key, which }),
  fc.record({ verb: fc.constant("tree" as const), key }),
);

interface Entry {
  value: string;
  flags: string;
  session: string;
  lockIndex: number;
}

async function makeStore() {
  const store = new MemoryStore();
  const made = {
    Name: "",
    Node: "n",
    LockDelay: 0,
    Behavior: "release",
    TTL: "",
    NodeChecks: [],
    ServiceChecks: [],
  } as const;
  for (const ID of ["s1", "s2"]) {
    await store.txn({
      then: [put(sessions, { namespace: GLOBAL, id: ID }, { ...made, NodeChecks: [], ServiceChecks: [], ID })],
    });
  }
  const view = await followView(store, [kv, sessions]);
  const keys = new KvStore({ store, view, delays: new LockDelays(systemClock) });
  return { store, view, keys };
}

test("writes do what a plain map with locks would", async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.array(command, { maxLength: 25 }), async (commands) => {
      const { store, view, keys } = await makeStore();
      const model = new Map<string, Entry>();
      for (const one of commands) {
        const row = keys.get(one.key);
        if (one.verb === "tree") {
          t.true((await keys.deleteTree(one.key)).ok);
          for (const name of model.keys()) if (name.startsWith(one.key)) model.delete(name);
        } else {
          const index = "which" in one ? { zero: 0, current: row?.modifyIndex ?? 0, old: 1 }[one.which] : 0;
          const { ok } = await keys.write({ ...one, index } as KvWrite);
          t.is(
            ok,
            apply(model, one, {
              exists: row !== undefined,
              isCurrent: index === (row?.modifyIndex ?? 0),
              isZero: index === 0,
            }),
          );
        }
        const stored = [...keys.list("")].map(({ id, value }) => [
          id,
          { value: value.Value, flags: value.Flags, session: value.Session, lockIndex: value.LockIndex },
        ]);
        t.deepEqual(
          stored,
          [...model].toSorted(([a], [b]) => (a < b ? -1 : 1)),
        );
      }
      view.close();
      await store.close();
    }),
    { numRuns: 150 },
  );
});

function apply(
  model: Map<string, Entry>,
  one: { verb: string; key: string; value?: string; flags?: string; session?: string },
  at: { exists: boolean; isCurrent: boolean; isZero: boolean },
): boolean {
  const old = model.get(one.key) ?? { value: "", flags: "0", session: "", lockIndex: 0 };
  const fresh = { ...old, value: one.value ?? "", flags: one.flags ?? "0" };
  switch (one.verb) {
    case "cas":
      if (!at.isCurrent) return false;
      break;
    case "lock":
      if (old.session === one.session) break;
      if (old.session !== "") return false;
      Object.assign(fresh, { session: one.session, lockIndex: old.lockIndex + 1 });
      break;
    case "unlock":
      if (old.session !== one.session) return false;
      fresh.session = "";
      break;
    case "delete":
      model.delete(one.key);
      return true;
    case "delete-cas":
      if (!at.exists || at.isZero) return true;
      return at.isCurrent && model.delete(one.key);
  }
  model.set(one.key, fresh);
  return true;
}

test("a prefix's index rises with its own changes and with nothing else", async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.record({ key, remove: fc.boolean() }), { maxLength: 30 }), async (steps) => {
      const { view, keys } = await makeStore();
      const prefixes = new PrefixIndex(view);
      const indexOf = (prefix: string): number =>
        prefixes.ofPrefix(prefix, Math.max(0, ...[...keys.list(prefix)].map((row) => row.modifyIndex)));
      let n = 0;
      for (const step of steps) {
        const [a, b, own] = [indexOf("a"), indexOf("b"), prefixes.ofKey(step.key)];
        const existed = keys.get(step.key) !== undefined;
        n += 1;
        await keys.write(
          step.remove
            ? { verb: "delete", key: step.key }
            : { verb: "set", key: step.key, value: String(n), flags: "0" },
        );
        const changed = existed || !step.remove;
        t.is(indexOf("a") > a, changed && step.key.startsWith("a"));
        t.is(indexOf("b") > b, changed && step.key.startsWith("b"));
        t.is(prefixes.ofKey(step.key) > own, changed);
      }
      prefixes.close();
      view.close();
    }),
    { numRuns: 60 },
  );
});

test("many writers of one key lose no increment", async (t) => {
  const { store, view, keys } = await makeStore();
  const increment = async (): Promise<void> => {
    for (;;) {
      const row = keys.get("n");
      const value = String(Number(row?.value.Value ?? "0") + 1);
      if ((await keys.write({ verb: "cas", key: "n", value, flags: "0", index: row?.modifyIndex ?? 0 })).ok) return;
    }
  };
  await Promise.all(Array.from({ length: 20 }, increment));
  t.is(keys.get("n")?.value.Value, "20");
  const swap = async (i: number): Promise<void> => {
    const operations: TxnOperation[] = ["x", "y"].map((name) => ({
      kind: "write",
      write: { verb: "set", key: name, value: String(i), flags: "0" },
    }));
    t.true((await runTransaction({ store, view, kv: keys }, operations)).ok);
    t.is(keys.get("x")?.value.Value, keys.get("y")?.value.Value);
  };
  await Promise.all(Array.from({ length: 20 }, (_, i) => swap(i)));
  view.close();
});

test("operations of a transaction see what the ones before them did", async (t) => {
  const { store, view, keys } = await makeStore();
  const run = (...operations: TxnOperation[]) => runTransaction({ store, view, kv: keys }, operations);
  const write = (one: KvWrite): TxnOperation => ({ kind: "write", write: one });
  const set = (name: string, value: string) => write({ verb: "set", key: name, value, flags: "0" });
  t.true(
    (
      await run(set("a", "MQ=="), write({ verb: "lock", key: "a", value: "Mg==", flags: "0", session: "s1" }), {
        kind: "check-session",
        key: "a",
        session: "s1",
      })
    ).ok,
  );
  t.like(keys.get("a")?.value, { Value: "Mg==", Session: "s1", LockIndex: 1 });
  t.true((await run(set("b", "MQ=="), write({ verb: "delete", key: "b" }), { kind: "check-not-exists", key: "b" })).ok);
  t.is(keys.get("b"), undefined);
  t.false((await run(write({ verb: "lock", key: "a", value: "", flags: "0", session: "nobody" }))).ok);
  t.false((await run({ kind: "get", key: "none" })).ok);
  t.true((await run({ kind: "get-or-empty", key: "none" })).ok);
  const tree = await run(set("a/1", "MQ=="), { kind: "delete-tree", key: "a/" }, set("a/2", "MQ=="));
  t.true(tree.ok);
  t.deepEqual(
    [...keys.list("")].map((row) => row.id),
    ["a", "a/2"],
  );
  view.close();
});

test("a server that has not heard yet refuses and keeps nothing that is wrong by now", async (t) => {
  const { store, view, keys } = await makeStore();
  const elsewhere = await followView(store, [kv, sessions]);
  const others = new KvStore({ store, view: elsewhere, delays: new LockDelays(systemClock) });
  const cas: KvWrite = { verb: "cas", key: "a", value: "Mw==", flags: "0", index: 0 };
  const set: KvWrite = { verb: "set", key: "a", value: "MQ==", flags: "0" };
  const lock: KvWrite = { verb: "lock", key: "l", value: "", flags: "0", session: "late" };
  const alone = (write: KvWrite) => keys.write(write);
  const together = (write: KvWrite) => runTransaction({ store, view, kv: keys }, [{ kind: "write", write }]);
  for (const write of [alone, together]) {
    // It hears of what happened elsewhere only after it was asked.
    const behind = async (meanwhile: () => Promise<unknown>, asked: KvWrite): Promise<boolean> => {
      const release = view.hold();
      await meanwhile();
      const answer = write(asked);
      setImmediate(release);
      return (await answer).ok;
    };
    await keys.write(set);
    t.true(await behind(() => others.write({ verb: "delete", key: "a" }), cas), "the key is gone: it may be made");
    await keys.write(set);
    t.true(await behind(() => others.write({ ...set, value: "Mg==" }), set));
    t.is(keys.get("a")?.value.Value, "MQ==", "it was changed: it is no longer what is asked for");
    const late = { ...(view.table(sessions).get(GLOBAL, "s1")?.value ?? raise()), ID: "late" };
    t.true(await behind(() => store.txn({ then: [put(sessions, { namespace: GLOBAL, id: "late" }, late)] }), lock));
    await keys.write({ verb: "delete", key: "l" });
    await view.reached((await store.txn({ then: [remove(sessions, GLOBAL, "late")] })).revision);
  }
  elsewhere.close();
  view.close();
});

function raise(): never {
  throw new Error("not there");
}

const weights = { Passing: 1, Warning: 1 };

test("nodes, services and checks are written together, or not at all", async (t) => {
  const { url } = await startNode(t);
  const txn = (...operations: object[]) => call(`${url}/v1/txn`, "PUT", operations);
  const good = await txn(
    { Node: { Verb: "set", Node: { Node: "printer", Address: "10.0.0.9", Meta: { floor: "2" } } } },
    { Service: { Verb: "set", Node: "printer", Service: { ID: "ipp", Service: "ipp", Port: 631, Weights: weights } } },
    { Check: { Verb: "set", Check: { Node: "printer", CheckID: "ink", ServiceID: "ipp", Status: "warning" } } },
    { KV: { Verb: "set", Key: "printers/1", Value: "" } },
    { Service: { Verb: "get", Node: "printer", Service: { ID: "ipp" } } },
  );
  t.is(good.status, 200, good.text);
  t.deepEqual(
    good.json.Results.map((result: object) => Object.keys(result)[0]),
    ["Node", "Service", "Check", "KV", "Service"],
  );
  t.like(good.json.Results[4].Service, { ID: "ipp", Port: 631 });
  const [node, , check] = good.json.Results;
  t.is(node.Node.ModifyIndex, check.Check.ModifyIndex);
  const health = await call(`${url}/v1/health/service/ipp`);
  t.like(health.json[0].Checks[0], { CheckID: "ink", ServiceName: "ipp", Status: "warning" });

  const stale = { Node: "printer", Address: "10.0.0.10", ModifyIndex: 1 };
  const bad = await txn(
    { KV: { Verb: "delete", Key: "printers/1" } },
    { Node: { Verb: "cas", Node: stale } },
    { Check: { Verb: "delete-cas", Check: { Node: "printer", CheckID: "none", ModifyIndex: 4 } } },
  );
  t.is(bad.status, 409);
  t.deepEqual(
    bad.json.Errors.map((error: { OpIndex: number }) => error.OpIndex),
    [1, 2],
  );
  t.is((await call(`${url}/v1/kv/printers/1`)).status, 200);
  t.is((await txn({ Node: { Verb: "cas", Node: { ...stale, ModifyIndex: node.Node.ModifyIndex } } })).status, 200);
  t.is((await txn({ Service: { Verb: "set", Node: "nobody", Service: { Service: "x" } } })).status, 409);
  t.is((await txn({ Service: { Verb: "set", Node: "printer", Service: {} } })).status, 400);
  t.is((await txn({})).status, 400);
  t.is((await txn({ Node: { Verb: "delete", Node: { Node: "printer" } } })).status, 200);
  t.deepEqual((await call(`${url}/v1/health/node/printer`)).json, []);
  t.deepEqual((await call(`${url}/v1/catalog/service/ipp`)).json, []);
});

test("a session ends with its node, even where nobody looked when that went", async (t) => {
  const { url } = await startNode(t);
  const node = (Verb: string) => ({ Node: { Verb, Node: { Node: "away", Address: "10.0.0.1" } } });
  await call(`${url}/v1/txn`, "PUT", [node("set")]);
  const session = { Node: "away", NodeChecks: [], LockDelay: "0s" };
  const { ID } = (await call(`${url}/v1/session/create`, "PUT", session)).json;
  t.true((await call(`${url}/v1/kv/lock?acquire=${ID}`, "PUT", "x")).json);
  const { headers } = await call(`${url}/v1/session/info/${ID}`);
  await call(`${url}/v1/txn`, "PUT", [node("delete")]);
  const gone = await call(`${url}/v1/session/info/${ID}?index=${headers.get("x-consul-index")}&wait=10s`);
  t.deepEqual(gone.json, []);
  t.is((await call(`${url}/v1/kv/lock`)).json[0].Session, undefined);
});

test("no body of a transaction breaks the server", async (t) => {
  const { url } = await startNode(t);
  const anything = fc.array(
    fc.dictionary(fc.constantFrom("KV", "Node", "Service", "Check", "Other"), fc.anything({ maxDepth: 3 })),
    { maxLength: 4 },
  );
  await fc.assert(
    fc.asyncProperty(anything, async (operations) => {
      const body = JSON.stringify(operations, (_key, value: unknown) =>
        typeof value === "bigint" ? String(value) : value,
      );
      const { status } = await call(`${url}/v1/txn`, "PUT", body);
      t.true(status < 500, `${status} for ${body}`);
    }),
    { numRuns: 60 },
  );
});

test("the limits of values and transactions are those of the configuration", async (t) => {
  const { url } = await startNode(t, { limits: { maxValueBytes: 1000, maxTxnOps: 2 } });
  t.is((await call(`${url}/v1/kv/a`, "PUT", "x".repeat(1001))).status, 413);
  t.is((await call(`${url}/v1/kv/a`, "PUT", "x".repeat(1000))).status, 200);
  const set = { KV: { Verb: "set", Key: "b", Value: Buffer.from("x".repeat(1001)).toString("base64") } };
  t.is((await call(`${url}/v1/txn`, "PUT", JSON.stringify([set]))).status, 413);
  const get = { KV: { Verb: "get", Key: "a" } };
  t.is((await call(`${url}/v1/txn`, "PUT", JSON.stringify([get, get]))).status, 200);
  t.is((await call(`${url}/v1/txn`, "PUT", JSON.stringify([get, get, get]))).status, 413);
});
