import { StoreError, type Compare, type Op, type Store, type Txn, type TxnResult } from "../store.ts";
import { LEADER_KEY } from "./leader-record.ts";

/**
 * The store as a leader's parts see it: each transaction that writes holds only while the server leads, and is refused with
 * `not_leader` from then on. Reads pass.
 */
export function fencedStore(store: Store, fence: () => readonly Compare[]): Store {
  return {
    txn: (txn) => fencedTxn(store, txn, fence()),
    range: (request) => store.range(request),
    scan: (request) => store.scan(request),
    watch: (request) => store.watch(request),
    compact: (revision) => store.compact(revision),
    status: () => store.status(),
    close: () => store.close(),
  };
}

async function fencedTxn(store: Store, txn: Txn, fence: readonly Compare[]): Promise<TxnResult> {
  if (fence.length === 0) return store.txn(txn);
  const { compare = [], then, otherwise = [] } = txn;
  // Etcd runs the other branch for a lost fence too: what would write waits for a transaction of its own.
  const onlyReads = otherwise.every(({ op }) => op === "get");
  const lock: Op = { op: "get", key: LEADER_KEY };
  const result = await store.txn({
    compare: [...fence, ...compare],
    then,
    otherwise: onlyReads ? [lock, ...otherwise] : [lock],
  });
  if (result.ok) return result;
  const [held, ...responses] = result.responses;
  const revision = held?.op === "get" ? held.record?.modRevision : undefined;
  const leads = fence.every((one) => one.target === "mod" && one.operand === revision);
  if (!leads) throw new StoreError("not_leader", "another server leads now: this one's write was not carried out");
  return onlyReads ? { ...result, responses } : { ...(await fencedTxn(store, { then: otherwise }, fence)), ok: false };
}
