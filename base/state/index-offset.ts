import { ROOT } from "#base/protocol/keys.ts";
import {
  StoreError,
  type Change,
  type Compare,
  type OpResult,
  type RangeResult,
  type RevisionChange,
  type ScanRequest,
  type Store,
  type StoreRecord,
  type StoreStatus,
  type Txn,
  type TxnResult,
  type Watch,
  type WatchEnd,
  type WatchRequest,
} from "./store.ts";

/** Holds the offset as decimal text. Absent: 0. */
export const INDEX_OFFSET_KEY = `${ROOT}meta/_/index-offset`;

/**
 * A store whose revisions all lie `offset` above the engine's, so that indexes never fall when the state moves to an
 * engine that counts from 1 or comes back from a snapshot. The offset is read from the store itself; 0 gives it back as it is.
 */
export async function withIndexOffset(store: Store): Promise<Store> {
  const { responses } = await store.txn({ then: [{ op: "get", key: INDEX_OFFSET_KEY }] });
  const answer = responses[0];
  const text = answer?.op === "get" ? (answer.record?.value ?? "0") : "0";
  const offset = Number(text);
  if (!Number.isSafeInteger(offset) || offset < 0) {
    throw new StoreError(
      "corrupt",
      `${INDEX_OFFSET_KEY} holds ${JSON.stringify(text)}: expected a whole number of at least 0`,
    );
  }
  return offset === 0 ? store : new OffsetStore(store, offset);
}

/** Adds to every revision that leaves, and takes from every one that enters. */
export class OffsetStore implements Store {
  readonly #store: Store;
  readonly #offset: number;

  constructor(store: Store, offset: number) {
    this.#store = store;
    this.#offset = offset;
  }

  async txn(txn: Txn): Promise<TxnResult> {
    const compare = (txn.compare ?? []).map((one) => this.#inward(one));
    const result = await this.#store.txn({ ...txn, compare });
    const responses = result.responses.map((response) => this.#response(response));
    return { ok: result.ok, revision: result.revision + this.#offset, responses };
  }

  async range(request: Parameters<Store["range"]>[0]): Promise<RangeResult> {
    const at = request.revision === undefined ? {} : { revision: request.revision - this.#offset };
    const result = await this.#store.range({ ...request, ...at });
    const records = result.records.map((record) => this.#record(record));
    return { records, revision: result.revision + this.#offset, more: result.more };
  }

  async scan({ prefix, onRecords }: ScanRequest): Promise<number> {
    const outward = (records: readonly StoreRecord[]): void => onRecords(records.map((record) => this.#record(record)));
    return (await this.#store.scan({ prefix, onRecords: outward })) + this.#offset;
  }

  watch(request: WatchRequest): Watch {
    const { fromRevision = 0 } = request;
    return this.#store.watch({
      prefix: request.prefix,
      // What lies below the offset happened in another engine: ask for this one's first, which answers honestly.
      fromRevision: fromRevision === 0 ? 0 : Math.max(1, fromRevision - this.#offset),
      onRevision: (change) => request.onRevision(this.#change(change)),
      onEnd: (reason) => request.onEnd(this.#end(reason)),
    });
  }

  compact(revision: number): Promise<void> {
    return this.#store.compact(Math.max(0, revision - this.#offset));
  }

  status(): StoreStatus {
    const status = this.#store.status();
    const revision = status.revision + this.#offset;
    return { ...status, revision, compactedRevision: status.compactedRevision + this.#offset };
  }

  close(): Promise<void> {
    return this.#store.close();
  }

  /** 0 means the key is missing, and stays 0. */
  #inward(compare: Compare): Compare {
    if (compare.target !== "create" && compare.target !== "mod") return compare;
    return { ...compare, operand: compare.operand === 0 ? 0 : compare.operand - this.#offset };
  }

  #record(record: StoreRecord): StoreRecord {
    const { createRevision, modRevision } = record;
    return { ...record, createRevision: createRevision + this.#offset, modRevision: modRevision + this.#offset };
  }

  #response(response: OpResult): OpResult {
    if (response.op === "put") return { op: "put", record: this.#record(response.record) };
    if (response.op !== "get" || response.record === undefined) return response;
    return { op: "get", record: this.#record(response.record) };
  }

  #change({ revision, changes }: RevisionChange): RevisionChange {
    const outward = (change: Change): Change => {
      if (change.kind === "put") return { kind: "put", record: this.#record(change.record) };
      const previous = change.previous === undefined ? undefined : this.#record(change.previous);
      return { kind: "delete", key: change.key, previous };
    };
    return { revision: revision + this.#offset, changes: changes.map(outward) };
  }

  #end(reason: WatchEnd): WatchEnd {
    if (reason.kind !== "compacted") return reason;
    return { kind: "compacted", compactedRevision: reason.compactedRevision + this.#offset };
  }
}
