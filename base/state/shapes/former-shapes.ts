import { ROOT } from "#base/protocol/keys.ts";
import { decodeRow, headOf } from "../codec.ts";
import type {
  Op,
  RangeRequest,
  RangeResult,
  ScanRequest,
  Store,
  StoreStatus,
  Txn,
  TxnResult,
  Watch,
  WatchRequest,
} from "../store.ts";
import type { Table } from "../table.ts";

/** A store that writes the rows of some tables in the shape of the version before, because a server may not know the new one. */
export class FormerShapes implements Store {
  readonly #store: Store;
  #held: ReadonlyMap<string, Table<unknown>> = new Map();

  /** Holds back all of `tables` that changed, until {@link hold} says otherwise. */
  constructor(store: Store, tables: readonly Table<unknown>[]) {
    this.#store = store;
    this.hold(tables.filter(({ before }) => before !== undefined));
  }

  /** From now on these are held back, and no others. */
  hold(tables: readonly Table<unknown>[]): void {
    this.#held = new Map(tables.map((table) => [table.name, table]));
  }

  txn(txn: Txn): Promise<TxnResult> {
    if (this.#held.size === 0) return this.#store.txn(txn);
    const { then, otherwise } = txn;
    const lowered = { ...txn, then: then.map((op) => this.#lower(op)) };
    return this.#store.txn(
      otherwise === undefined ? lowered : { ...lowered, otherwise: otherwise.map((op) => this.#lower(op)) },
    );
  }

  #lower(op: Op): Op {
    if (op.op !== "put" || !op.key.startsWith(ROOT)) return op;
    const table = this.#held.get(op.key.slice(ROOT.length, op.key.indexOf("/", ROOT.length)));
    if (table?.before === undefined || !op.value.startsWith(headOf(table))) return op;
    const read = decodeRow(table, op.value);
    if (!read.ok) return op;
    const value = `${headOf(table, table.schemaVersion - 1)}${JSON.stringify(table.before.down(read.value))}}`;
    // Views read it as other servers do.
    return { op: "put", key: op.key, value, ...(op.lease === undefined ? {} : { lease: op.lease }) };
  }

  range(request: RangeRequest): Promise<RangeResult> {
    return this.#store.range(request);
  }

  scan(request: ScanRequest): Promise<number> {
    return this.#store.scan(request);
  }

  watch(request: WatchRequest): Watch {
    return this.#store.watch(request);
  }

  compact(revision: number): Promise<void> {
    return this.#store.compact(revision);
  }

  status(): StoreStatus {
    return this.#store.status();
  }

  close(): Promise<void> {
    return this.#store.close();
  }
}
