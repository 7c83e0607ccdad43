import { ROOT } from "#base/protocol/keys.ts";
import { decodeRow, encodeRow } from "../codec.ts";
import { INDEX_OFFSET_KEY } from "../index-offset.ts";
import { stagedName } from "../staging.ts";
import { MAX_TXN_BYTES, MAX_TXN_OPS, type Op, type Store } from "../store.ts";
import { evals } from "../tables.ts";
import type { Snapshot } from "./read-snapshot.ts";

/** Room for keys and what frames a transaction. */
const MAX_CHUNK_BYTES = MAX_TXN_BYTES / 2;

export interface Restored {
  readonly revision: number;
  readonly written: number;
  readonly deleted: number;
}

/**
 * Makes the state what the snapshot says: what differs is written, what is not in it is deleted. In one transaction where
 * that fits, else in several, in the order of keys. Revisions go on rising.
 */
export async function restoreSnapshot(store: Store, { records }: Snapshot): Promise<Restored> {
  const ops: Op[] = [];
  const here = new Map<string, string>();
  await store.scan({
    prefix: ROOT,
    onRecords: (found) => {
      for (const { key, value } of found) here.set(key, value);
    },
  });
  for (const [key, value] of records) {
    if (stagedName(key) !== undefined) continue;
    const now = rebased(key, value);
    if (here.get(key) !== now) ops.push({ op: "put", key, value: now });
  }
  const written = ops.length;
  for (const key of here.keys()) {
    if (!records.has(key) && key !== INDEX_OFFSET_KEY && stagedName(key) === undefined) ops.push({ op: "delete", key });
  }
  let { revision } = store.status();
  for (const then of chunksOf(ops)) ({ revision } = await store.txn({ then }));
  return { revision, written, deleted: ops.length - written };
}

/** A blocked evaluation waits for a revision above the one it was made at, which may lie ahead of this store's. */
function rebased(key: string, value: string): string {
  if (!key.startsWith(`${ROOT}${evals.name}/`)) return value;
  const read = decodeRow(evals, value);
  return read.ok && read.value.Status === "blocked" ? encodeRow(evals, { ...read.value, SnapshotIndex: 0 }) : value;
}

function* chunksOf(ops: readonly Op[]): Generator<readonly Op[], void, void> {
  let chunk: Op[] = [];
  let bytes = 0;
  for (const op of ops) {
    const size = op.op === "put" ? Buffer.byteLength(op.value) + Buffer.byteLength(op.key) : 100;
    if (chunk.length >= MAX_TXN_OPS || (bytes + size > MAX_CHUNK_BYTES && chunk.length > 0)) {
      yield chunk;
      chunk = [];
      bytes = 0;
    }
    chunk.push(op);
    bytes += size;
  }
  if (chunk.length > 0) yield chunk;
}
