import type { Store, StoreRecord } from "../store.ts";
import { fails, put, same, write } from "./expect.ts";

export async function pagesRanges(store: Store): Promise<void> {
  // U+FF5E is below U+1F600 in UTF-8, above it in UTF-16.
  const sorted = ["p/", "p/a", "p/a/b", "p/b", "p/é", "p/～", "p/😀"];
  for (const key of sorted.toReversed()) await write(store, put(key, key));
  await write(store, put("o", ""), put("q", ""));
  same(keysOf((await store.range({ prefix: "p/" })).records), sorted);
  const paged: string[] = [];
  for (let after: string | undefined, more = true; more; after = paged.at(-1)) {
    const page = await store.range({ prefix: "p/", limit: 2, ...(after === undefined ? {} : { after }) });
    paged.push(...keysOf(page.records));
    more = page.more;
  }
  same(paged, sorted);
  same((await store.range({ prefix: "p/", limit: 7 })).more, false);
  same((await store.range({ prefix: "p/", after: "p/aa" })).records[0]?.key, "p/b");
}

export async function readsPast(store: Store): Promise<void> {
  await write(store, put("a", "1"));
  await write(store, put("b", "1"), put("a", "2"));
  await write(store, { op: "delete", key: "a" });
  await write(store, put("a", "4"));
  const expected = [[], ["a1"], ["a2", "b1"], ["b1"], ["a4", "b1"]];
  for (const [revision, state] of expected.entries()) {
    const { records } = await store.range({ prefix: "", revision });
    same(
      records.map(({ key, value }) => `${key}${value}`),
      state,
      `revision ${revision}`,
    );
  }
  await fails(store.range({ prefix: "", revision: 5 }), "future_revision");
}

export async function scansPrefix(store: Store): Promise<void> {
  await write(store, ...Array.from({ length: 3000 }, (_, i) => put(`s/${i}`, `${i}`)));
  await write(store, put("t", "1"), { op: "delete", key: "s/7" }, put("s/8", "new"));
  const found = new Map<string, string>();
  const onRecords = (records: readonly StoreRecord[]): void => {
    for (const { key, value } of records) found.set(key, value);
  };
  same(await store.scan({ prefix: "s/", onRecords }), 2);
  same([found.size, found.get("s/7"), found.get("s/8"), found.get("s/9")], [2999, undefined, "new", "9"]);
}

export async function readsLargeRanges(store: Store): Promise<void> {
  const keys = Array.from({ length: 2500 }, (_, i) => `r/${String(i).padStart(4, "0")}`);
  await write(store, ...keys.map((key) => put(key, "old")));
  const reading = store.range({ prefix: "r/" });
  const writing = write(store, ...keys.map((key) => put(key, "new")));
  const { records, revision } = await reading;
  await writing;
  same([keysOf(records), revision], [keys, 1]);
  same(
    records.every(({ value }) => value === "old"),
    true,
    "all of one revision",
  );
}

function keysOf(records: readonly StoreRecord[]): string[] {
  return records.map(({ key }) => key);
}
