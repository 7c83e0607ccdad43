import { compareKeys } from "../sorted-keys.ts";
import type { StoreRecord, Txn, TxnResult } from "../store.ts";
import { evaluate } from "../transaction.ts";
import type { EtcdRange, EtcdRangeResult } from "./api.ts";
import { footprintOf } from "./claims.ts";
import { shown } from "./hidden.ts";

/**
 * The answers of transactions that etcd carried out together at `revision` but never got to tell of: the same decisions,
 * made again on what the keys held one revision earlier.
 */
export async function reconstruct(
  txns: readonly Txn[],
  revision: number,
  range: (request: EtcdRange) => Promise<EtcdRangeResult>,
): Promise<TxnResult[]> {
  const before = new Map<string, StoreRecord>();
  const load = async (request: EtcdRange): Promise<void> => {
    const { records } = await range({ ...request, revision: revision - 1 });
    for (const record of records) before.set(record.key, record);
  };
  for (const txn of txns) {
    const { reads, writes, writePrefixes } = footprintOf(txn);
    for (const key of new Set([...reads, ...writes])) await load({ span: { key } });
    for (const prefix of writePrefixes) await load({ span: shown(prefix) });
  }
  const keyspace = {
    find: (key: string) => before.get(key),
    value: (_key: string, record: StoreRecord) => record.value,
    under: (prefix: string) => [...before.keys()].filter((key) => key.startsWith(prefix)).toSorted(compareKeys),
  };
  return txns.map((txn) => {
    const { ok, responses } = evaluate(txn, keyspace, revision);
    return { ok, revision, responses };
  });
}
