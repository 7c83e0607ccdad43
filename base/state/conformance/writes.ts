import { MAX_KEY_BYTES, MAX_TXN_OPS, MAX_VALUE_BYTES, type Compare, type Store, type TxnResult } from "../store.ts";
import { fails, put, same, write } from "./expect.ts";

export async function startsEmpty(store: Store): Promise<void> {
  same(await store.range({ prefix: "" }), { records: [], revision: 0, more: false });
  const { revision, compactedRevision, keys, transactionsInFlight } = store.status();
  same([revision, compactedRevision, keys, transactionsInFlight], [0, 0, 0, 0]);
}

export async function numbersWrites(store: Store): Promise<void> {
  await write(store, put("a", "1"), put("b", "1"));
  same(await write(store, put("a", "2")), {
    ok: true,
    revision: 2,
    responses: [{ op: "put", record: { key: "a", value: "2", createRevision: 1, modRevision: 2, version: 2 } }],
  });
  await write(store, { op: "delete", key: "a" });
  await write(store, put("a", "3"));
  same((await store.range({ prefix: "" })).records, [
    { key: "a", value: "3", createRevision: 4, modRevision: 4, version: 1 },
    { key: "b", value: "1", createRevision: 1, modRevision: 1, version: 1 },
  ]);
  same([store.status().revision, store.status().keys], [4, 2]);
}

export async function sparesRevisions(store: Store): Promise<void> {
  await write(store, put("a", "1"));
  const idle = await write(
    store,
    { op: "get", key: "a" },
    { op: "delete", key: "b" },
    { op: "deletePrefix", prefix: "c" },
  );
  same(idle.revision, 1);
  same(idle.responses.slice(1), [
    { op: "delete", deleted: 0 },
    { op: "deletePrefix", deleted: 0 },
  ]);
  same((await write(store)).revision, 1);
  same((await write(store, put("a", "1"))).revision, 2);
}

export async function comparesAll(store: Store): Promise<void> {
  await write(store, put("a", "1"));
  await write(store, put("b", "1"));
  await write(store, put("a", "2"));
  const holds = async (compare: Compare): Promise<boolean> => (await store.txn({ compare: [compare], then: [] })).ok;
  for (const [target, value] of [
    ["version", 2],
    ["create", 1],
    ["mod", 3],
  ] as const) {
    same(await holds({ key: "a", target, op: "=", operand: value }), true, target);
    same(await holds({ key: "a", target, op: "!=", operand: value }), false, target);
    same(await holds({ key: "a", target, op: "<", operand: value }), false, target);
    same(await holds({ key: "a", target, op: ">", operand: value - 1 }), true, target);
    same(await holds({ key: "none", target, op: "=", operand: 0 }), true, target);
  }
  same(await holds({ key: "a", target: "value", op: "=", operand: "2" }), true);
  same(await holds({ key: "a", target: "value", op: "!=", operand: "2" }), false);
  same(await holds({ key: "none", target: "value", op: "=", operand: "" }), true);
}

export async function choosesBranch(store: Store): Promise<void> {
  await write(store, put("a", "1"), put("b", "1"));
  const { ok, responses } = await store.txn({
    compare: [
      { key: "a", target: "version", op: "=", operand: 1 },
      { key: "b", target: "version", op: "=", operand: 2 },
    ],
    then: [put("c", "then")],
    otherwise: [put("c", "otherwise"), { op: "get", key: "a" }],
  });
  same([ok, responses.length], [false, 2]);
  same((await store.range({ prefix: "c" })).records[0]?.value, "otherwise");
}

export async function ordersOps(store: Store): Promise<void> {
  await write(store, put("a/1", "old"), put("a/2", "old"));
  const { responses } = await write(
    store,
    { op: "get", key: "b" },
    put("b", "new"),
    { op: "get", key: "b" },
    { op: "delete", key: "a/1" },
    { op: "get", key: "a/1" },
    { op: "deletePrefix", prefix: "a/" },
    { op: "get", key: "a/2" },
  );
  const record = { key: "b", value: "new", createRevision: 2, modRevision: 2, version: 1 };
  same(responses, [
    { op: "get", record: undefined },
    { op: "put", record },
    { op: "get", record },
    { op: "delete", deleted: 1 },
    { op: "get", record: undefined },
    { op: "deletePrefix", deleted: 1 },
    { op: "get", record: undefined },
  ]);
}

export async function settlesRaces(store: Store): Promise<void> {
  for (let round = 0; round < 5; round++) {
    const isFree: Compare = { key: "lock", target: "version", op: "=", operand: round };
    const racers: Promise<TxnResult>[] = [];
    for (let i = 0; i < 20; i++) racers.push(store.txn({ compare: [isFree], then: [put("lock", `${i}`)] }));
    const results = await Promise.all(racers);
    const winners = results.map(({ ok }) => ok);
    same(winners, [true, ...new Array<boolean>(19).fill(false)], "the first to ask wins");
    same(new Set(results.map(({ revision }) => revision)), new Set([round + 1]));
  }
}

export async function keepsAnyText(store: Store): Promise<void> {
  const long = "x".repeat(100_000);
  const texts = ["", "\0", "a\0b", "'\"\\", "ünïcödé", "😀", "\ud7ff\ue000\uffff", " \n\t", long];
  const keys = texts.map((text, i) => `${text.slice(0, 100)}/${i}`);
  for (const [i, text] of texts.entries()) await write(store, put(keys[i] ?? "", text));
  for (const [i, key] of keys.entries()) {
    const { responses } = await write(store, { op: "get", key });
    same(responses[0]?.op === "get" && responses[0].record?.value === texts[i], true, `text ${i}`);
    same((await store.range({ prefix: key, limit: 1 })).records[0]?.key, key);
  }
}

export async function refusesBadTxns(store: Store): Promise<void> {
  const many = Array.from({ length: MAX_TXN_OPS + 1 }, (_, i) => put(`${i}`, ""));
  await fails(write(store, put("a", "1"), put("a", "2")), "duplicate_key");
  await fails(write(store, put("a", "1"), { op: "delete", key: "a" }), "duplicate_key");
  await fails(write(store, { op: "deletePrefix", prefix: "a" }, put("ab", "1")), "duplicate_key");
  await fails(write(store, put("k".repeat(MAX_KEY_BYTES + 1), "")), "too_large");
  await fails(write(store, put("k", "ü".repeat(MAX_VALUE_BYTES / 2 + 1))), "too_large");
  await fails(write(store, ...many), "too_large");
  await fails(write(store, put("\ud800", "")), "bad_key");
  same([store.status().revision, store.status().transactionsInFlight], [0, 0]);
  same((await write(store, put("k".repeat(MAX_KEY_BYTES), "v".repeat(MAX_VALUE_BYTES)))).ok, true);
}
