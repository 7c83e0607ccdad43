import test from "ava";
import fc from "fast-check";
import { createEnv } from "#base/platform/create-env.ts";
import { keyOf } from "#base/protocol/keys.ts";
import { MemoryStore } from "#base/state/memory/memory-store.ts";
import { readSnapshot } from "#base/state/snapshot/read-snapshot.ts";
import { restoreSnapshot } from "#base/state/snapshot/restore-snapshot.ts";
import { writeSnapshot } from "#base/state/snapshot/write-snapshot.ts";
import type { Store } from "#base/state/store.ts";

const env = createEnv({ logLevel: "error" });
test.after.always(() => env.close());

async function fill(records: Readonly<Record<string, string>>): Promise<Store> {
  const store = new MemoryStore();
  const entries = Object.entries(records);
  for (let at = 0; at < entries.length; at += 5000) {
    const then = entries
      .slice(at, at + 5000)
      .map(([id, value]) => ({ op: "put" as const, key: keyOf("kv", "_", id), value }));
    await store.txn({ then });
  }
  return store;
}

async function save(store: Store, passphrase = ""): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of writeSnapshot(store, { env, passphrase })) parts.push(part);
  return Buffer.concat(parts);
}

async function contentsOf(store: Store): Promise<Record<string, string>> {
  const { records } = await store.range({ prefix: "/lares/1/" });
  return Object.fromEntries(records.map(({ key, value }) => [key, value]));
}

test("what was saved is restored, whatever was there", async (t) => {
  const text = fc.string({ unit: "binary", maxLength: 12 });
  const records = fc.dictionary(fc.string({ minLength: 1, maxLength: 6 }), text, { maxKeys: 20 });
  const property = fc.asyncProperty(records, records, async (old, other) => {
    const store = await fill(old);
    const wanted = await contentsOf(store);
    const read = readSnapshot(await save(store), "");
    if (!read.ok) return false;
    const target = await fill(other);
    const before = target.status().revision;
    await restoreSnapshot(target, read.value);
    t.deepEqual(await contentsOf(target), wanted);
    return target.status().revision >= before;
  });
  await fc.assert(property, { numRuns: 50 });
});

test("more than one page and transaction", async (t) => {
  const many = Object.fromEntries(Array.from({ length: 12_345 }, (_, i) => [`key-${i}`, `value ${i}`]));
  const store = await fill(many);
  const read = readSnapshot(await save(store), "");
  const target = await fill({ gone: "x" });
  const done = await restoreSnapshot(target, read.ok ? read.value : t.fail());
  t.like(done, { written: 12_345, deleted: 1 });
  t.deepEqual(await contentsOf(target), await contentsOf(store));
  t.like(await restoreSnapshot(target, read.ok ? read.value : t.fail()), { written: 0, deleted: 0 });
});

test("a snapshot is of one revision, whatever is written while it is made", async (t) => {
  const store = await fill(Object.fromEntries(Array.from({ length: 3000 }, (_, i) => [`key-${i}`, "old"])));
  const parts: Uint8Array[] = [];
  for await (const part of writeSnapshot(store, { env, passphrase: "" })) {
    parts.push(part);
    await store.txn({ then: [{ op: "put", key: keyOf("kv", "_", "key-2999"), value: "new" }] });
  }
  const read = readSnapshot(Buffer.concat(parts), "");
  t.deepEqual(new Set(read.ok ? read.value.records.values() : []), new Set(["old"]));
});

for (const key of ["", "horse battery"]) {
  test(`a ${key === "" ? "plain" : "encrypted"} file that was cut or changed anywhere is refused`, async (t) => {
    const file = await save(await fill({ a: "1", b: "2" }), key);
    t.true(readSnapshot(file, key).ok);
    for (let length = 0; length < file.length; length += key === "" ? 1 : 29) {
      t.false(readSnapshot(file.subarray(0, length), key).ok, `cut at ${length}`);
    }
    for (let at = 0; at < file.length; at += key === "" ? 1 : 29) {
      const changed = Buffer.from(file);
      changed[at] = (changed[at] ?? 0) ^ 1;
      t.false(readSnapshot(changed, key).ok, `changed at ${at}`);
    }
    t.false(readSnapshot(Buffer.concat([file, Buffer.from("x")]), key).ok);
  });
}

test("a file of something else, and one with another key, say so", async (t) => {
  const code = (bytes: Uint8Array, key: string) => {
    const read = readSnapshot(bytes, key);
    return read.ok ? "read" : read.error.code;
  };
  t.is(code(Buffer.from("\x1f\x8bnot ours"), ""), "no_snapshot");
  t.is(code(Buffer.alloc(0), ""), "no_snapshot");
  const file = await save(await fill({ a: "secret" }), "right");
  t.is(code(file, ""), "encrypted");
  t.is(code(file, "wrong"), "wrong_key");
  t.is(code(file, "right"), "read");
  t.false(file.includes("secret"));
});
