import test from "ava";
import fc from "fast-check";
import type { Clock } from "#base/env/clock.ts";
import { variables } from "#base/state/tables.ts";
import { checkItems, checkPath, MAX_ITEMS_BYTES } from "#daemons/scheduler/server/variables/variable-rules.ts";
import { changeOf } from "#daemons/scheduler/server/variables/variable-change.ts";
import { LockKeeper } from "#daemons/scheduler/server/variables/lock-keeper.ts";
import { api } from "../../http/api.ts";
import { until } from "../cluster.ts";

const Items = { user: "me", password: "passw0rd1" };

test("a variable is written, read, listed without its items, and deleted", async (t) => {
  const { get, put, delete: remove, cluster } = await api(t);
  const written = await put("/v1/var/example/first", { Path: "example/first", Items });
  t.is(written.status, 200);
  t.like(written.json, { Namespace: "default", Path: "example/first", Items });
  t.is(written.json.CreateIndex, written.json.ModifyIndex);
  t.is(written.headers["x-nomad-index"], String(written.json.ModifyIndex));
  t.true(written.json.CreateTime > 1e18);
  t.deepEqual((await get("/v1/var/example/first")).json, written.json);
  const { Items: _items, ...metadata } = written.json;
  t.deepEqual((await get("/v1/vars?prefix=exa")).json, [metadata]);
  const stored = JSON.stringify([...cluster.view.table(variables).list()]);
  t.false(stored.includes("passw0rd1"));
  const changed = (await put("/v1/var/example/first", { Items: { user: "you" } })).json;
  t.is(changed.CreateIndex, written.json.CreateIndex);
  t.true(changed.ModifyIndex > changed.CreateIndex);
  t.deepEqual((await get("/v1/var/example/first")).json.Items, { user: "you" });
  const gone = await remove("/v1/var/example/first");
  t.is(gone.status, 204);
  t.regex(String(gone.headers["x-nomad-index"]), /^\d+$/);
  t.like(await get("/v1/var/example/first"), { status: 404, text: "variable not found" });
  t.is((await remove("/v1/var/example/first")).status, 204);
});

test("check and set: a conflict shows the variable as it is", async (t) => {
  const { put, delete: remove } = await api(t);
  const first = (await put("/v1/var/a?cas=0", { Items })).json;
  const late = await put("/v1/var/a?cas=0", { Items: { x: "1" } });
  t.is(late.status, 409);
  t.deepEqual(late.json, first);
  t.is((await put(`/v1/var/a?cas=${first.ModifyIndex}`, { Items: { x: "2" } })).status, 200);
  const stale = await remove(`/v1/var/a?cas=${first.ModifyIndex}`);
  t.is(stale.status, 409);
  t.deepEqual(stale.json.Items, { x: "2" });
  const none = await put("/v1/var/b?cas=7", { Items });
  t.is(none.status, 409);
  t.like(none.json, { Namespace: "default", Path: "b", Items: null, Lock: null, ModifyIndex: 0 });
  t.is((await put("/v1/var/a?cas=x", { Items })).status, 400);
});

test("of many writers that expect the same index, one wins", async (t) => {
  const { put } = await api(t);
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, i) => put("/v1/var/race?cas=0", { Items: { i: String(i) } })),
  );
  t.is(answers.filter(({ status }) => status === 200).length, 1);
  t.is(answers.filter(({ status }) => status === 409).length, 19);
});

test("namespaces keep their variables apart, and are kept by them", async (t) => {
  const { get, put, delete: remove } = await api(t);
  t.regex((await put("/v1/var/a?namespace=web", { Items })).text, /nonexistent namespace "web"/);
  await put("/v1/namespace", { Name: "web" });
  t.is((await put("/v1/var/a", { Namespace: "web", Items })).json.Namespace, "web");
  await put("/v1/var/b", { Items });
  t.is((await get("/v1/var/a")).status, 404);
  t.is((await get("/v1/var/a?namespace=web")).status, 200);
  const all = await get("/v1/vars?namespace=*&per_page=1");
  t.is(all.json[0].Path, "b");
  const next = await get(`/v1/vars?namespace=*&next_token=${all.headers["x-nomad-nexttoken"]}`);
  t.is(next.json[0].Path, "a");
  t.is((await get(`/v1/vars?namespace=*&filter=${encodeURIComponent('Path == "a"')}`)).json.length, 1);
  t.is((await put("/v1/var/a?namespace=*", { Items })).status, 400);
  t.regex((await remove("/v1/namespace/web")).text, /has variables, such as "a"/);
});

test("a read blocks until the variable changes", async (t) => {
  const { get, put } = await api(t);
  const { ModifyIndex } = (await put("/v1/var/a", { Items })).json;
  const waiting = get(`/v1/var/a?index=${ModifyIndex}&wait=60s`);
  await put("/v1/var/other", { Items });
  await put("/v1/var/a", { Items: { x: "1" } });
  t.deepEqual((await waiting).json.Items, { x: "1" });
});

test("a lock: only its holder changes the variable, until it is released", async (t) => {
  const { get, put, delete: remove } = await api(t);
  const taken = await put("/v1/var/l?lock-acquire", { Path: "l", Items, Lock: { TTL: "1m", LockDelay: "15s" } });
  t.is(taken.status, 200);
  const { ID } = taken.json.Lock;
  t.deepEqual(taken.json.Lock, { ID, TTL: "1m0s", LockDelay: "15s" });
  t.like((await get("/v1/var/l")).json.Lock, { ID: "", TTL: "1m0s" });
  for (const answer of [
    await put("/v1/var/l?lock-acquire", {}),
    await put("/v1/var/l?lock-renew", { Lock: { ID: "other" } }),
    await put("/v1/var/l?lock-release", { Lock: { ID: "other" } }),
    await put("/v1/var/l", { Items: { x: "1" } }),
    await remove("/v1/var/l"),
  ]) {
    t.is(answer.status, 409);
    t.deepEqual(answer.json.Items, Items);
    t.false(answer.text.includes(ID));
  }
  t.is((await put("/v1/var/l", { Items: { x: "1" }, Lock: { ID } })).status, 200);
  t.deepEqual((await put("/v1/var/l?lock-acquire", { Lock: { ID } })).json.Items, { x: "1" });
  const renewed = await put("/v1/var/l?lock-renew", { Lock: { ID } });
  t.is(renewed.status, 200);
  t.is(renewed.json.Lock.ID, ID);
  t.false("Items" in renewed.json);
  t.is((await put("/v1/var/l?lock-release", { Items, Lock: { ID } })).status, 400);
  const released = await put("/v1/var/l?lock-release", { Lock: { ID } });
  t.is(released.status, 200);
  t.false("Lock" in released.json);
  t.deepEqual((await get("/v1/var/l")).json.Items, { x: "1" });
  t.is((await put("/v1/var/l?lock-acquire", {})).status, 200);
});

test("what locks get wrong", async (t) => {
  const { put } = await api(t);
  t.is((await put("/v1/var/none?lock-renew", { Lock: { ID: "x" } })).status, 404);
  t.is((await put("/v1/var/none?lock-release", { Lock: { ID: "x" } })).status, 404);
  t.is((await put("/v1/var/none?lock-renew", {})).status, 400);
  t.is((await put("/v1/var/a?lock-acquire&lock-renew", {})).status, 400);
  t.regex((await put("/v1/var/a?lock-acquire", { Lock: { TTL: "1s" } })).text, /between 10 seconds and 24 hours/);
  t.regex((await put("/v1/var/a?lock-acquire", { Lock: { LockDelay: "25h" } })).text, /LockDelay of 90000s/);
  t.is((await put("/v1/var/a?lock-acquire", { Lock: { TTL: "soon" } })).status, 400);
  const bare = await put("/v1/var/bare?lock-acquire", {});
  t.like(bare.json, { Items: {}, Lock: { TTL: "15s", LockDelay: "15s" } });
});

/** Timers fire when the test says so. */
function manualClock(real: Clock) {
  const due: { readonly delayMs: number; readonly fire: () => void; live: boolean }[] = [];
  const clock: Clock = {
    nowMs: () => real.nowMs(),
    monotonicMs: () => real.monotonicMs(),
    soon: (run) => real.soon(run),
    after(delayMs, fire) {
      const timer = { delayMs, fire, live: true };
      due.push(timer);
      return { cancel: () => void (timer.live = false) };
    },
  };
  return { clock, live: () => due.filter((timer) => timer.live) };
}

test("a lock nobody renews runs out, and then stays closed for its delay", async (t) => {
  const { get, put, cluster } = await api(t);
  const { context } = cluster.server;
  const { clock, live } = manualClock(cluster.env.clock);
  const keeper = new LockKeeper({ ...context, env: { ...context.env, clock } });
  t.teardown(() => keeper.stop());
  const taken = await put("/v1/var/l?lock-acquire", { Items, Lock: { TTL: "20s", LockDelay: "24h" } });
  keeper.start();
  t.is(keeper.size, 1);
  t.deepEqual(
    live().map(({ delayMs }) => delayMs),
    [20_000],
  );
  const row = cluster.server.variables.read("default", "l");
  keeper.renew(row!);
  t.is(live().length, 1);
  live()[0]?.fire();
  await until(() => cluster.server.variables.read("default", "l")?.value.Lock === null);
  keeper.apply({ revision: 1, rows: [{ table: "variables", namespace: "default", id: "l", kind: "put" }] });
  t.is(keeper.size, 0);
  t.false("Lock" in (await get("/v1/var/l")).json);
  t.is((await put("/v1/var/l?lock-acquire", {})).status, 409);
  t.is((await put("/v1/var/l?lock-renew", { Lock: { ID: taken.json.Lock.ID } })).status, 409);
  t.is((await put("/v1/var/l", { Items })).status, 409);
});

test("paths and sizes", (t) => {
  for (const path of ["a", "a/b-c_d~e", "nomad/jobs", "nomad/jobs/a/b/c", "nomad/job-templates/x", "nomads/x"]) {
    t.true(checkPath(path).ok, path);
  }
  for (const path of [
    "",
    "a b",
    "a.b",
    "ä",
    "nomad",
    "nomad/x",
    "nomad/jobs/",
    "nomad/job-templates",
    "a".repeat(129),
  ]) {
    t.false(checkPath(path).ok, path);
  }
  t.true(checkItems({ a: "x".repeat(MAX_ITEMS_BYTES - 1) }).ok);
  t.false(checkItems({ a: "ä".repeat(MAX_ITEMS_BYTES / 2) }).ok);
});

test("what clients get wrong is answered", async (t) => {
  const { get, put } = await api(t);
  t.is((await put("/v1/var/a", {})).status, 400);
  t.is((await put("/v1/var/a", { Items: { x: 1 } })).status, 400);
  t.is((await put("/v1/var/a%20b", { Items })).status, 400);
  t.is((await put("/v1/var/a", { Path: "b", Items })).status, 400);
  t.is((await put("/v1/var/", { Items })).status, 400);
  t.is((await get("/v1/var/")).status, 404);
  t.is((await put("/v1/var/a", { Items: { x: "y".repeat(65_536) } })).status, 400);
});

test("whatever is asked: a closed variable changes for its holder only, and a failed check changes nothing", (t) => {
  const lock = { ID: "me", TTL: 15e9, LockDelay: 15e9 };
  const row = fc.option(
    fc.record({
      modifyIndex: fc.integer({ min: 1, max: 5 }),
      Lock: fc.constantFrom(null, lock),
      DelayUntil: fc.constantFrom(0, 50, 150),
    }),
  );
  const lockId = fc.constantFrom("", "me", "you");
  const cas = fc.option(fc.integer({ min: 0, max: 5 }), { nil: undefined });
  const request = fc.oneof(
    fc.record({ kind: fc.constant("put" as const), items: fc.constant({ a: "b" }), cas, lockId }),
    fc.record({ kind: fc.constant("delete" as const), cas, lockId }),
    fc.record({
      kind: fc.constant("acquire" as const),
      items: fc.constant(undefined),
      lock: fc.constant(lock),
      lockId,
    }),
    fc.record({ kind: fc.constantFrom("renew" as const, "release" as const), lockId }),
  );
  fc.assert(
    fc.property(row, request, (seen, asked) => {
      const value = { KeyID: "", Data: "", CreateTime: 1, ModifyTime: 1 };
      const at = { namespace: "default", id: "a", createIndex: 1 };
      const known = seen && { ...at, modifyIndex: seen.modifyIndex, value: { ...value, ...seen } };
      const change = changeOf(asked, known ?? undefined, 100);
      const changes = change.kind === "write" || change.kind === "delete";
      const holds = seen?.Lock?.ID === asked.lockId;
      const closed = seen !== null && (seen.Lock === null ? seen.DelayUntil > 100 : !holds);
      if (closed) return !changes && change.kind !== "renew";
      if ("cas" in asked && asked.cas !== undefined && asked.cas !== (seen?.modifyIndex ?? 0)) return !changes;
      return !(asked.kind === "renew" || asked.kind === "release") || !changes || holds;
    }),
  );
  t.pass();
});
