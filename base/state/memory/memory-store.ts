import { SortedKeys } from "../sorted-keys.ts";
import {
  HISTORY_REVISIONS,
  MAX_TXNS_IN_FLIGHT,
  StoreError,
  type Change,
  type RangeRequest,
  type RangeResult,
  type RevisionChange,
  type ScanRequest,
  type Store,
  type StoreRecord,
  type StoreStatus,
  type Txn,
  type TxnResult,
  type Watch,
  type WatchRequest,
} from "../store.ts";
import { checkTxn, evaluate, type Evaluated, type Write } from "../transaction.ts";
import { WatchHub, type HistoryPage, type ReadHistory } from "../watch-hub.ts";

/** Where a memory store keeps its transactions, if anywhere. `append` resolves when they would survive a power cut. */
export interface Journal {
  append(revisions: readonly RevisionChange[], state: JournalState): Promise<void>;
  close(): Promise<void>;
  readonly bytes: number;
}

/** Everything a journal needs to start a fresh file. */
export interface JournalState {
  readonly revision: number;
  readonly compactedRevision: number;
  readonly records: Iterable<StoreRecord>;
}

export interface MemoryStoreOptions {
  /** Default: nothing outlives the process. */
  readonly journal?: Journal;
  /** What a journal held. Default: empty, at revision 0. */
  readonly restored?: JournalState;
  /** Revisions kept for watches. Default {@link HISTORY_REVISIONS}. */
  readonly historyRevisions?: number;
}

interface Pending {
  readonly txn: Txn;
  readonly resolve: (result: TxnResult) => void;
  readonly reject: (error: StoreError) => void;
}

interface Committed {
  readonly revision: number;
  readonly writes: readonly Write<StoreRecord>[];
}

/** The store as plain data structures: for the simulator and tests, durable when given a journal. */
export class MemoryStore implements Store {
  readonly #records = new Map<string, StoreRecord>();
  readonly #keys = new SortedKeys(() => this.#records.keys());
  readonly #hub: WatchHub;
  readonly #journal: Journal | undefined;
  readonly #historyLimit: number;
  /** Oldest first; all revisions above `#compacted`, and those written but not yet durable at its end. */
  #history: Committed[] = [];
  #revision = 0;
  /** The newest durable revision: what readers see. */
  #settled = 0;
  #compacted = 0;
  #pending: Pending[] = [];
  #working: Promise<void> | undefined;
  #inFlight = 0;
  #closed = false;

  constructor(options: MemoryStoreOptions = {}) {
    this.#journal = options.journal;
    this.#historyLimit = options.historyRevisions ?? HISTORY_REVISIONS;
    if (options.restored !== undefined) {
      for (const record of options.restored.records) this.#records.set(record.key, record);
      this.#revision = options.restored.revision;
      this.#settled = options.restored.revision;
      // What a journal holds is the newest state, not how it came to be.
      this.#compacted = options.restored.revision;
    }
    this.#hub = new WatchHub((from, prefix, done) => void this.#readHistory(from, prefix, done));
  }

  txn(txn: Txn): Promise<TxnResult> {
    const refused = this.#closed ? closedError() : (checkTxn(txn) ?? this.#overloaded());
    if (refused !== undefined) return Promise.reject(refused);
    this.#inFlight += 1;
    return new Promise<TxnResult>((resolve, reject) => {
      this.#pending.push({ txn, resolve, reject });
      this.#working ??= this.#work();
    }).finally(() => (this.#inFlight -= 1));
  }

  async range(request: RangeRequest): Promise<RangeResult> {
    await Promise.resolve();
    if (this.#closed) throw closedError();
    const revision = request.revision ?? this.#settled;
    if (revision > this.#settled) throw futureError(revision, this.#settled);
    if (revision < this.#compacted) throw compactedError(revision, this.#compacted);
    const limit = request.limit ?? Number.MAX_SAFE_INTEGER;
    const records: StoreRecord[] = [];
    for (const record of this.#at(revision, request)) {
      if (records.length === limit) return { records, revision: this.#settled, more: true };
      records.push(record);
    }
    return { records, revision: this.#settled, more: false };
  }

  async scan(request: ScanRequest): Promise<number> {
    const { records, revision } = await this.range({ prefix: request.prefix });
    for (let i = 0; i < records.length; i += 1000) request.onRecords(records.slice(i, i + 1000));
    return revision;
  }

  watch(request: WatchRequest): Watch {
    const watch = this.#hub.open(request, { revision: this.#settled, compactedRevision: this.#compacted });
    if (this.#closed) this.#hub.endAll({ kind: "closed" });
    return watch;
  }

  async compact(revision: number): Promise<void> {
    await Promise.resolve();
    if (this.#closed) throw closedError();
    if (revision > this.#settled) throw futureError(revision, this.#settled);
    this.#forget(revision);
  }

  status(): StoreStatus {
    return {
      engine: "memory",
      revision: this.#settled,
      compactedRevision: this.#compacted,
      keys: this.#records.size,
      bytes: this.#journal?.bytes ?? 0,
      transactionsInFlight: this.#inFlight,
    };
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#working;
    this.#hub.endAll({ kind: "closed" });
    await this.#journal?.close();
  }

  /** Groups what is waiting, makes it durable, then tells everyone; until nothing waits. */
  async #work(): Promise<void> {
    // Everything asked for in this turn joins the first group.
    await Promise.resolve();
    while (this.#pending.length > 0) {
      const group = this.#pending;
      this.#pending = [];
      const results = group.map(({ txn }) => this.#apply(txn));
      const failure = await this.#makeDurable();
      if (failure === undefined) this.#publish();
      else this.#undo();
      group.forEach(({ resolve, reject }, i) => {
        const result = results[i];
        if (failure !== undefined || result === undefined) reject(failure ?? closedError());
        else resolve(result);
      });
    }
    this.#working = undefined;
  }

  #apply(txn: Txn): TxnResult {
    const revision = this.#revision + 1;
    const keyspace = {
      find: (key: string) => this.#records.get(key),
      value: (_key: string, record: StoreRecord) => record.value,
      under: (prefix: string) => this.#keys.under(prefix),
    };
    const { ok, responses, writes }: Evaluated<StoreRecord> = evaluate(txn, keyspace, revision);
    if (writes.length > 0) {
      this.#revision = revision;
      this.#history.push({ revision, writes });
      for (const write of writes) this.#set(write.key, write.record);
    }
    return { ok, revision: this.#revision, responses };
  }

  async #makeDurable(): Promise<StoreError | undefined> {
    const fresh = this.#history.slice(this.#indexOf(this.#settled + 1));
    if (this.#journal === undefined || fresh.length === 0) return undefined;
    try {
      await this.#journal.append(fresh.map(changeOf), {
        revision: this.#revision,
        compactedRevision: this.#compacted,
        records: this.#records.values(),
      });
      return undefined;
    } catch (thrown) {
      return thrown instanceof StoreError
        ? thrown
        : new StoreError("io", `cannot write the journal: ${String(thrown)}`);
    }
  }

  #publish(): void {
    const fresh = this.#history.slice(this.#indexOf(this.#settled + 1));
    for (const committed of fresh) {
      this.#settled = committed.revision;
      this.#hub.publish(changeOf(committed));
    }
    if (this.#history.length >= 2 * this.#historyLimit) this.#forget(this.#settled - this.#historyLimit);
  }

  #undo(): void {
    for (const { writes } of this.#history.splice(this.#indexOf(this.#settled + 1)).toReversed()) {
      for (const write of writes.toReversed()) this.#set(write.key, write.previous);
    }
    this.#revision = this.#settled;
  }

  #set(key: string, record: StoreRecord | undefined): void {
    const known = this.#records.has(key);
    if (record === undefined) {
      this.#records.delete(key);
      if (known) this.#keys.delete(key);
    } else {
      this.#records.set(key, record);
      if (!known) this.#keys.add(key);
    }
  }

  /** The state at a revision: the newest, less what was written since. */
  *#at(revision: number, request: RangeRequest): Generator<StoreRecord, void, void> {
    if (revision === this.#revision) {
      for (const key of this.#keys.under(request.prefix, request.after)) {
        const record = this.#records.get(key);
        if (record !== undefined) yield record;
      }
      return;
    }
    const past = new Map<string, StoreRecord | undefined>();
    for (const { writes } of this.#history.slice(this.#indexOf(revision + 1))) {
      for (const { key, previous } of writes) if (!past.has(key)) past.set(key, previous);
    }
    const keys = new Set([...this.#records.keys(), ...past.keys()]);
    for (const key of new SortedKeys(() => keys).under(request.prefix, request.after)) {
      const record = past.has(key) ? past.get(key) : this.#records.get(key);
      if (record !== undefined) yield record;
    }
  }

  async #readHistory(...[from, prefix, done]: Parameters<ReadHistory>): Promise<void> {
    await Promise.resolve();
    done(this.#page(from, prefix));
  }

  #page(from: number, prefix: string): HistoryPage | StoreError {
    if (this.#closed) return closedError();
    if (from <= this.#compacted) return compactedError(from, this.#compacted);
    const settled = this.#history.slice(this.#indexOf(from), this.#indexOf(this.#settled + 1));
    const touches = ({ writes }: Committed): boolean => writes.some(({ key }) => key.startsWith(prefix));
    return { changes: settled.filter(touches).map(changeOf), next: this.#settled + 1, complete: true };
  }

  #forget(revision: number): void {
    if (revision <= this.#compacted) return;
    this.#history = this.#history.slice(this.#indexOf(revision + 1));
    this.#compacted = revision;
  }

  /** Position of a revision in the history: revisions are gapless, so a subtraction. */
  #indexOf(revision: number): number {
    const first = this.#history[0];
    return first === undefined ? 0 : Math.max(0, revision - first.revision);
  }

  #overloaded(): StoreError | undefined {
    if (this.#inFlight < MAX_TXNS_IN_FLIGHT) return undefined;
    return new StoreError("unavailable", `${MAX_TXNS_IN_FLIGHT} transactions wait for the store; try again later`);
  }
}

function changeOf({ revision, writes }: Committed): RevisionChange {
  return { revision, changes: writes.map(toChange) };
}

function toChange({ key, record, previous }: Write<StoreRecord>): Change {
  return record === undefined ? { kind: "delete", key, previous } : { kind: "put", record };
}

function closedError(): StoreError {
  return new StoreError("closed", "the store is closed");
}

function futureError(revision: number, newest: number): StoreError {
  return new StoreError("future_revision", `revision ${revision} is not there yet: the newest is ${newest}`);
}

function compactedError(revision: number, compacted: number): StoreError {
  return new StoreError("compacted", `revision ${revision} was compacted away: the oldest kept is ${compacted}`);
}
