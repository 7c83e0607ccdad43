import test from "ava";
import fc from "fast-check";
import * as v from "valibot";
import { conformance } from "#base/state/conformance/conformance.ts";
import { MemoryStore } from "#base/state/memory/memory-store.ts";
import { absent, decodeRow, encodeRow, put, remove, unchanged } from "#base/state/codec.ts";
import { INDEX_OFFSET_KEY, withIndexOffset } from "#base/state/index-offset.ts";
import { defineTable } from "#base/state/table.ts";
import { followView } from "#base/state/view.ts";
import { runAgainstModel, steps } from "./model.ts";

const PetSchema = v.object({ Name: v.string(), Kind: v.nullish(v.string(), "cat") });
type Pet = v.InferOutput<typeof PetSchema>;
const pets = defineTable<Pet>({
  name: "pets",
  schemaVersion: 2,
  schema: PetSchema,
  indexes: { kind: (pet) => [pet.Kind] },
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
}

test("memory: any history of calls gives what the model gives", async (t) => {
  await fc.assert(
    fc.asyncProperty(steps, (history) => runAgainstModel(history, { store: new MemoryStore() })),
    { numRuns: 300 },
  );
  t.pass();
});
