import type { Store } from "../store.ts";
import { fails, put, same, until, watch, write } from "./expect.ts";

export async function watchesFromThePast(store: Store): Promise<void> {
  for (let i = 1; i <= 5; i++) await write(store, put("a", `${i}`));
  const whole = watch(store, "", 1);
  const late = watch(store, "", 3);
  const future = watch(store, "", 8);
  const live = watch(store, "");
  // Written while history is still being read.
  await Promise.all([6, 7, 8].map((i) => write(store, put("a", `${i}`))));
  const counts = (): number[] => [whole, late, future, live].map(({ changes }) => changes.length);
  const caughtUp = (): boolean => counts().join() === "8,6,1,3";
  await until(store, caughtUp, "the watches to catch up");
  same(whole.revisions(), [1, 2, 3, 4, 5, 6, 7, 8]);
  same(late.revisions(), [3, 4, 5, 6, 7, 8]);
  same(future.revisions(), [8]);
  same(live.revisions(), [6, 7, 8]);
  live.cancel();
  live.cancel();
  await write(store, put("a", "9"));
  await until(store, () => future.changes.length === 2, "revision 9");
  same([live.revisions().length, live.ends], [3, [{ kind: "cancelled" }]]);
}

export async function watchesPrefix(store: Store): Promise<void> {
  const live = watch(store, "a/");
  await write(store, put("b", "1"));
  await write(store, put("a/2", "1"), put("b", "2"), put("a/1", "1"));
  await write(store, { op: "deletePrefix", prefix: "a" }, { op: "delete", key: "b" });
  const replayed = watch(store, "a/", 1);
  await until(store, () => replayed.changes.length === 2 && live.changes.length === 2, "both revisions");
  const record = (key: string): object => ({ key, value: "1", createRevision: 2, modRevision: 2, version: 1 });
  const removed = (key: string): object => ({ kind: "delete", key, previous: record(key) });
  const expected = [
    {
      revision: 2,
      changes: [
        { kind: "put", record: record("a/2") },
        { kind: "put", record: record("a/1") },
      ],
    },
    { revision: 3, changes: [removed("a/1"), removed("a/2")] },
  ];
  same(live.changes, expected);
  same(replayed.changes, expected);
}

export async function watchesLongHistory(store: Store): Promise<void> {
  const ops = Array.from({ length: 1500 }, (_, i) => put(`${i}`, "x"));
  for (let i = 0; i < 4; i++) await write(store, ...ops);
  const whole = watch(store, "", 2);
  const narrow = watch(store, "149", 1);
  await until(store, () => whole.changes.length === 3 && narrow.changes.length === 4, "the history");
  same(
    whole.changes.map(({ revision, changes }) => [revision, changes.length]),
    [
      [2, 1500],
      [3, 1500],
      [4, 1500],
    ],
  );
  same(
    narrow.changes.map(({ changes }) => changes.length),
    [11, 11, 11, 11],
  );
}

export async function compacts(store: Store): Promise<void> {
  for (let i = 1; i <= 6; i++) await write(store, put(i % 2 === 0 ? "even" : "odd", `${i}`));
  await write(store, { op: "delete", key: "odd" });
  await fails(store.compact(8), "future_revision");
  await store.compact(5);
  await store.compact(3);
  same(store.status().compactedRevision, 5);
  await fails(store.range({ prefix: "", revision: 4 }), "compacted");
  const { records } = await store.range({ prefix: "", revision: 5 });
  same(
    records.map(({ value }) => value),
    ["4", "5"],
  );
  const below = watch(store, "", 5);
  const above = watch(store, "", 6);
  await until(store, () => below.ends.length === 1 && above.changes.length === 2, "the watches");
  same(below.ends, [{ kind: "compacted", compactedRevision: 5 }]);
  same([below.changes.length, above.revisions()], [0, [6, 7]]);
  await store.compact(7);
  same((await write(store, put("even", "8"))).revision, 8);
  const after = await store.range({ prefix: "" });
  same(
    after.records.map(({ value, version }) => [value, version]),
    [["8", 4]],
  );
}

export async function closes(store: Store): Promise<void> {
  await write(store, put("a", "1"));
  const open = watch(store, "");
  const last = write(store, put("a", "2"));
  await Promise.all([store.close(), store.close()]);
  same((await last).revision, 2, "what was in flight is settled");
  same(open.ends, [{ kind: "closed" }]);
  await fails(write(store, put("a", "3")), "closed");
  await fails(store.range({ prefix: "" }), "closed");
  await store.close();
}
