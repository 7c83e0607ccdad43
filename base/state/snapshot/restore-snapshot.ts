import { ROOT } from "#base/protocol/keys.ts";
import { decodeRow, encodeRow } from "../codec.ts";
import { MAX_TXN_BYTES, MAX_TXN_OPS, type Op, type Store } from "../store.ts";
import { RESTORE_MARK } from "../restore-mark.ts";
import type { View } from "../table.ts";
import { evals } from "../tables.ts";
import { isKeptOut } from "./kept-out.ts";
import { isRootKey } from "./sealed-keys.ts";
import type { Snapshot } from "./read-snapshot.ts";
import { finishRestore, restoreInPieces, sizeOf } from "./staged-restore.ts";

/** Room for keys and what frames a transaction. */
const MAX_BYTES = MAX_TXN_BYTES / 2;

export interface Restored {
  readonly revision: number;
  readonly written: number;
  readonly deleted: number;
}

export interface RestoreOptions {
  readonly view: Pick<View, "hold" | "reached">;
  /** Of this restoration: no other one ever has it. */
  readonly id: string;
}

/**
 * Makes the state what the snapshot says: what differs is written, what is not in it is deleted. In one transaction where
 * that fits, else in several, which all views show at once and which are carried through whatever fails. Revisions go on rising.
 * Resolves when `view` shows it. Rejects with a `StoreError`.
 */
export async function restoreSnapshot(
  store: Store,
  snapshot: Snapshot,
  { view, id }: RestoreOptions,
): Promise<Restored> {
  await finishRestore(store);
  const release = view.hold();
  const restored = await writeAll(store, snapshot, id).finally(release);
  await view.reached(restored.revision);
  return restored;
}

async function writeAll(store: Store, { records }: Snapshot, id: string): Promise<Restored> {
  const ops: Op[] = [];
  const here = new Map<string, string>();
  await store.scan({
    prefix: ROOT,
    onRecords: (found) => {
      for (const { key, value } of found) here.set(key, value);
    },
  });
  for (const [key, value] of records) {
    if (isKeptOut(key)) continue;
    const now = rebased(key, value);
    if (here.get(key) !== now) ops.push({ op: "put", key, value: now });
  }
  const written = ops.length;
  // A snapshot that was made without keys leaves those that are there.
  const hasKeys = [...records.keys()].some(isRootKey);
  for (const key of here.keys()) {
    if (!hasKeys && isRootKey(key)) continue;
    if (!records.has(key) && !isKeptOut(key)) ops.push({ op: "delete", key });
  }
  const deleted = ops.length - written;
  // One that a former version did not finish.
  const former = here.get(RESTORE_MARK) ?? "";
  if (!fitsOne(ops)) return { revision: await restoreInPieces(store, ops, { id, former }), written, deleted };
  if (former !== "") ops.push({ op: "delete", key: RESTORE_MARK });
  const { revision } = ops.length === 0 ? store.status() : await store.txn({ then: ops });
  return { revision, written, deleted };
}

/** A blocked evaluation waits for a revision above the one it was made at, which may lie ahead of this store's. */
function rebased(key: string, value: string): string {
  if (!key.startsWith(`${ROOT}${evals.name}/`)) return value;
  const read = decodeRow(evals, value);
  return read.ok && read.value.Status === "blocked" ? encodeRow(evals, { ...read.value, SnapshotIndex: 0 }) : value;
}

function fitsOne(ops: readonly Op[]): boolean {
  if (ops.length > MAX_TXN_OPS) return false;
  let bytes = 0;
  for (const op of ops) bytes += sizeOf(op);
  return bytes <= MAX_BYTES;
}
