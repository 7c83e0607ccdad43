import { GLOBAL, keyOf } from "#base/protocol/keys.ts";
import { decodeRow } from "#base/state/codec.ts";
import { StoreError, type Store, type StoreRecord } from "#base/state/store.ts";
import type { View } from "#base/state/table.ts";
import { kv } from "#base/state/tables.ts";

/** Values of one key that are shown. How far back there are any is the store's to say (`HISTORY_REVISIONS`). */
const MAX_ENTRIES = 100;

export interface KvLogEntry {
  readonly ModifyIndex: number;
  /** RFC 3339; empty where nobody knows. */
  readonly Time: string;
  readonly By: string;
  /** Base64. */
  readonly Value: string;
  readonly Session: string;
}

/** The values a key has and had, newest first. The store keeps what was superseded for a while: nothing is written for this. */
export async function readKvLog(
  { store, view }: { readonly store: Store; readonly view: View },
  key: string,
): Promise<readonly KvLogEntry[]> {
  const entries: KvLogEntry[] = [];
  let revision = view.index;
  while (entries.length < MAX_ENTRIES && revision > 0) {
    const record = await recordAt(store, keyOf(kv.name, GLOBAL, key), revision);
    if (record === undefined) break;
    const row = decodeRow(kv, record.value);
    if (row.ok) {
      const { Value, By = "", At, Session } = row.value;
      const Time = At === undefined ? "" : new Date(At).toISOString();
      entries.push({ ModifyIndex: record.modRevision, Time, By, Value, Session });
    }
    revision = record.modRevision - 1;
  }
  return entries;
}

/** As it was then; undefined when it was not there, or nobody knows any more. */
async function recordAt(store: Store, key: string, revision: number): Promise<StoreRecord | undefined> {
  try {
    const { records } = await store.range({ prefix: key, revision, limit: 1 });
    return records[0]?.key === key ? records[0] : undefined;
  } catch (thrown) {
    if (thrown instanceof StoreError && thrown.code === "compacted") return undefined;
    throw thrown;
  }
}
