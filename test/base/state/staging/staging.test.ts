import test from "ava";
import fc from "fast-check";
import * as v from "valibot";
import { put, remove } from "#base/state/codec.ts";
import { MemoryStore } from "#base/state/memory/memory-store.ts";
import { revealOp, stageOp } from "#base/state/staging.ts";
import { TableRows } from "#base/state/table-rows.ts";
import { defineTable, type Row, type ViewChange } from "#base/state/table.ts";
import { followView } from "#base/state/view.ts";

interface Pet {
  readonly kind: string;
}
const pets = defineTable<Pet>({
  name: "pets",
  schemaVersion: 1,
  schema: v.object({ kind: v.string() }),
  indexes: { kind: ({ kind }) => [kind] },
});
const pet = (id: string, kind = "cat") => put(pets, { namespace: "home", id }, { kind });
const idsOf = (rows: Iterable<Row<Pet>>): string => [...rows].map(({ id }) => id).join(" ");

test("staged rows are seen all at once, listeners hear of them in slices", async (t) => {
  const store = new MemoryStore();
  const later: (() => void)[] = [];
  const view = await followView(store, [pets], { soon: (run) => void later.push(run) });
  const told: ViewChange[] = [];
  view.onChange((change) => told.push(change));
  const table = view.table(pets);
  await store.txn({ then: [pet("m"), pet("z", "dog")] });
  for (let chunk = 0; chunk < 3; chunk++) {
    const ids = Array.from({ length: 100 }, (_, at) => `n${chunk}${String(at).padStart(2, "0")}`);
    await store.txn({ then: [...ids.map((id) => pet(id)), stageOp("plan", chunk)] });
  }
  await view.reached(store.status().revision);
  t.is(table.size, 2);
  t.is(idsOf(table.by("kind", "cat")), "m");
  t.is(view.staged().get("plan")?.length, 300);
  const { revision } = await store.txn({ then: [pet("m", "dog"), revealOp("plan")] });
  await view.reached(revision);
  t.is(table.size, 302);
  t.is([...table.by("kind", "cat")].length, 300);
  t.is(idsOf(table.list()).split(" ").slice(0, 2).join(" "), "m n000");
  t.is(table.get("home", "n299")?.value.kind, "cat");
  t.is(table.lastIndex, revision);
  // While they are moved in, they change and go like any other.
  const changed = await store.txn({ then: [pet("n001", "dog"), remove(pets, "home", "n002")] });
  await view.reached(changed.revision);
  told.length = 0;
  while (later.length > 0) {
    later.shift()?.();
    t.is(table.size, 301);
    t.is(table.get("home", "n001")?.value.kind, "dog");
    t.is(table.get("home", "n002"), undefined);
    t.is([...table.by("kind", "cat")].length, 298);
    t.is([...table.list("home", "n0")].length, 99);
  }
  t.deepEqual(
    told.map(({ rows }) => rows.length),
    [200, 98],
  );
  t.is(view.staged().size, 0);
});

test("what nobody lived to show stays hidden after a restart, and can be cleared away", async (t) => {
  const store = new MemoryStore();
  await store.txn({ then: [pet("m")] });
  await store.txn({ then: [pet("x"), stageOp("lost", 0)] });
  await store.txn({ then: [pet("y"), stageOp("lost", 1)] });
  const view = await followView(store, [pets]);
  t.is(idsOf(view.table(pets).list()), "m");
  const keys = view.staged().get("lost") ?? [];
  t.is(keys.length, 2);
  await store.txn({ then: keys.map((key) => ({ op: "delete" as const, key })) });
  await store.txn({ then: [revealOp("lost")] });
  await view.reached(store.status().revision);
  t.is(idsOf(view.table(pets).list()), "m");
  t.is(view.staged().size, 0);
  t.is((await store.range({ prefix: "/" })).records.length, 1);
});

test("a view that starts in the middle shows what is shown later", async (t) => {
  const store = new MemoryStore();
  await store.txn({ then: [pet("x"), stageOp("plan", 0)] });
  const view = await followView(store, [pets]);
  await store.txn({ then: [pet("y"), stageOp("plan", 1)] });
  const { revision } = await store.txn({ then: [revealOp("plan")] });
  await view.reached(revision);
  t.is(idsOf(view.table(pets).list()), "x y");
});

test("arriving rows: whatever happens to them while they settle, reads are those of a plain table", (t) => {
  const id = fc.constantFrom("a", "b", "c", "d", "e", "f");
  const step = fc.oneof(
    fc.record({ do: fc.constant("put" as const), id, kind: fc.constantFrom("cat", "dog") }),
    fc.record({ do: fc.constant("delete" as const), id }),
    fc.record({ do: fc.constant("settle" as const), count: fc.integer({ min: 1, max: 3 }) }),
  );
  const property = fc.property(
    fc.uniqueArray(id),
    fc.uniqueArray(id),
    fc.array(step, { maxLength: 20 }),
    (old, fresh, steps) => {
      const row = (at: string, kind: string, createIndex: number) => ({
        namespace: "home",
        id: at,
        value: { kind },
        createIndex,
        modifyIndex: createIndex,
      });
      const [rows, plain, arriving] = [new TableRows(pets), new TableRows(pets), new TableRows(pets)];
      for (const each of old) for (const into of [rows, plain]) into.put(row(each, "cat", 1));
      for (const each of fresh.filter((one) => !old.includes(one))) {
        for (const into of [arriving, plain]) into.put(row(each, "dog", 2));
      }
      rows.attach(arriving);
      return steps.every((one) => {
        if (one.do === "settle") rows.settle(one.count);
        else if (one.do === "delete") for (const into of [rows, plain]) into.delete("home", one.id);
        else for (const into of [rows, plain]) into.put(row(one.id, one.kind, 3));
        const kinds = (from: TableRows<Pet>) =>
          ["cat", "dog"].map((kind) => idsOf(from.by("kind", kind)).split(" ").toSorted().join());
        return (
          rows.size === plain.size &&
          idsOf(rows.list()) === idsOf(plain.list()) &&
          kinds(rows).join("/") === kinds(plain).join("/")
        );
      });
    },
  );
  fc.assert(property, { numRuns: 500 });
  t.pass();
});
