import test from "ava";
import * as v from "valibot";
import { createEnv } from "#base/platform/create-env.ts";
import { GLOBAL, ROOT } from "#base/protocol/keys.ts";
import { put } from "#base/state/codec.ts";
import { MemoryStore } from "#base/state/memory/memory-store.ts";
import { FormerShapes } from "#base/state/shapes/former-shapes.ts";
import { ShapeKeeper, versionsOf, type ShapeKeeperDeps } from "#base/state/shapes/shape-keeper.ts";
import { shapes } from "#base/state/shapes/shapes-table.ts";
import { defineTable, type Table } from "#base/state/table.ts";
import { followView } from "#base/state/view.ts";

const env = createEnv({ logToStderr: false });
test.after.always(() => env.close());

/** Version 1 called it `Size`, in another unit. */
const things = defineTable<{ SizeMB: number }>({
  name: "things",
  schemaVersion: 2,
  schema: v.object({ SizeMB: v.number() }),
  indexes: {},
  before: {
    down: ({ SizeMB }) => ({ Size: SizeMB * 1000 }),
    up: (value) => ({ SizeMB: v.parse(v.object({ Size: v.number() }), value).Size / 1000 }),
  },
});
const others = defineTable<{ Name: string }>({
  name: "others",
  schemaVersion: 1,
  schema: v.object({ Name: v.string() }),
  indexes: {},
});

async function opened(
  more: Partial<ShapeKeeperDeps> = {},
  tables: readonly Table<unknown>[] = [things, others, shapes],
) {
  const engine = new MemoryStore();
  const store = new FormerShapes(engine, tables);
  const view = await followView(store, tables);
  const servers: Record<string, number>[] = [versionsOf(tables), {}];
  const clock = env.clock;
  const keeper = new ShapeKeeper({
    clock,
    log: env.log,
    store,
    view,
    held: store,
    tables,
    servers: () => servers,
    fence: () => [],
    afterMs: 0,
    ...more,
  });
  const stored = async (table: string): Promise<string[]> =>
    (await engine.range({ prefix: `${ROOT}${table}/` })).records.map(({ value }) => value);
  const write = async (id: string, SizeMB: number): Promise<void> => {
    const { revision } = await store.txn({ then: [put(things, { namespace: GLOBAL, id }, { SizeMB })] });
    await view.reached(revision);
  };
  return { engine, store, view, keeper, servers, stored, write };
}

async function eventually(holds: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 30_000;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error("never happened");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

test("rows keep the former shape while one server knows no other, and are read as the new one", async (t) => {
  const { keeper, stored, write, view, store } = await opened();
  t.deepEqual(versionsOf([things, others]), { things: 2 });
  keeper.startLeading();
  await write("a", 3);
  await store.txn({ then: [put(others, { namespace: GLOBAL, id: "b" }, { Name: "b" })] });
  t.deepEqual(await stored("things"), ['{"schema":1,"value":{"Size":3000}}']);
  t.deepEqual(await stored("others"), ['{"schema":1,"value":{"Name":"b"}}'], "what did not change is left alone");
  t.deepEqual(view.table(things).get(GLOBAL, "a")?.value, { SizeMB: 3 });
  t.deepEqual(await stored("shapes"), []);
  keeper.stop();
});

test("once all servers know it the new shape is stored, and what is there is written anew", async (t) => {
  const { keeper, servers, stored, write, view } = await opened();
  for (let i = 0; i < 200; i++) await write(`n${i}`, i);
  servers.splice(0, 2, { things: 2 }, { things: 2 });
  keeper.startLeading();
  await eventually(async () =>
    (await stored("things")).every((row) => row.startsWith('{"schema":2,"value":{"SizeMB":')),
  );
  await write("after", 7);
  t.true((await stored("things")).includes('{"schema":2,"value":{"SizeMB":7}}'));
  t.deepEqual(view.table(things).get(GLOBAL, "n150")?.value, { SizeMB: 150 });
  t.deepEqual(view.table(shapes).get(GLOBAL, "current")?.value, { Versions: { things: 2 } });
  keeper.stop();
});

test("a server that is alone leaves the state as it is for as long as it says that it may go back", async (t) => {
  const { keeper, servers, stored, write } = await opened();
  servers.splice(0, 2, {});
  await write("a", 3);
  keeper.startLeading();
  await new Promise((resolve) => setTimeout(resolve, 1500));
  t.deepEqual(await stored("things"), ['{"schema":1,"value":{"Size":3000}}']);
  servers.splice(0, 1, { things: 2 });
  await eventually(async () => (await stored("things"))[0] === '{"schema":2,"value":{"SizeMB":3}}');
  keeper.stop();
});

test("a program that does not know the shape says so, and one whose fence is lost changes nothing", async (t) => {
  const { store, view, write, stored } = await opened();
  await write("a", 1);
  const lost = new ShapeKeeper({
    clock: env.clock,
    log: env.log,
    store,
    view,
    held: store,
    tables: [things, shapes],
    servers: () => [],
    fence: () => [{ key: "/lares/1/nobody/_/x", target: "version", op: ">", operand: 0 }],
    afterMs: 0,
  });
  lost.startLeading();
  await new Promise((resolve) => setTimeout(resolve, 50));
  t.deepEqual(await stored("things"), ['{"schema":1,"value":{"Size":1000}}']);
  lost.stop();
  const { revision } = await store.txn({
    then: [put(shapes, { namespace: GLOBAL, id: "current" }, { Versions: { things: 3 } })],
  });
  await view.reached(revision);
  const deps = {
    clock: env.clock,
    log: env.log,
    store,
    view,
    held: store,
    servers: () => [],
    fence: () => [],
    afterMs: 0,
  };
  t.throws(() => new ShapeKeeper({ ...deps, tables: [things, shapes] }), {
    message: /shape of a newer version.*things/,
  });
});
