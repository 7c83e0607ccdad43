import type { Worker } from "node:worker_threads";
import { assert } from "#base/env/assert.ts";
import { messageOf } from "#base/env/errors.ts";
import { silentLog, type Log } from "#base/env/log.ts";
import { BoundedQueue } from "#base/env/queue.ts";
import {
  HISTORY_REVISIONS,
  HISTORY_ROWS,
  MAX_TXNS_IN_FLIGHT,
  StoreError,
  type RangeRequest,
  type RangeResult,
  type ScanRequest,
  type Store,
  type StoreRecord,
  type StoreStatus,
  type Txn,
  type TxnResult,
  type Watch,
  type WatchEnd,
  type WatchRequest,
} from "#base/state/store.ts";
import { checkTxn } from "#base/state/transaction.ts";
import { WatchHub, type ReadHistory } from "#base/state/watch-hub.ts";
import { startWorker } from "../embedded/worker.ts";
import { unpackResult } from "./result.ts";
import { toStoreError } from "./sqlite-errors.ts";
import {
  packTxn,
  unpackRecords,
  type EngineState,
  type PackedResult,
  type PackedTxn,
  type Reply,
  type Request,
} from "./wire.ts";

export interface SqliteStoreOptions {
  /** Made when it is missing, mode 0700. One process at a time holds it. */
  readonly folder: string;
  readonly log?: Log;
  /** Revisions kept for watches. Default {@link HISTORY_REVISIONS}. */
  readonly historyRevisions?: number;
  /** Superseded rows kept for watches. Default {@link HISTORY_ROWS}. */
  readonly historyRows?: number;
  /** The database may not grow above this: `full` then. Default: what the disk holds. */
  readonly maxBytes?: number;
  /**
   * Resolve as soon as the folder is ours, while the log is still being loaded: a scan asked for at once (a view) then
   * takes what is read for the index, which halves the time of a start. Other calls wait for the end of the loading, which may
   * reject them with `corrupt`; until then `status()` knows no revision. Default false.
   */
  readonly early?: boolean;
}

/** Records per message, so that neither thread is kept busy for long by a large read. */
const RANGE_PAGE = 1000;

/**
 * The store of a cluster with one server: an append-only revision log in SQLite, written by a thread of its own. What
 * happens while a commit is on its way to the disk joins the next one. Rejects with a {@link StoreError}: `busy` (another
 * process has the folder), `foreign_version`, `corrupt`, `full`, `io`.
 */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<Store> {
  const { folder, historyRevisions = HISTORY_REVISIONS, historyRows = HISTORY_ROWS, maxBytes } = options;
  const workerData = { folder, historyRevisions, historyRows, maxBytes };
  const worker = startWorker("base/platform/sqlite/sqlite-worker.ts", { workerData });
  const store = new SqliteStore(worker, options.log ?? silentLog);
  await (options.early === true ? store.held : store.loaded);
  return store;
}

interface Waiting {
  readonly txn: Txn;
  readonly packed: PackedTxn;
  readonly resolve: (result: TxnResult) => void;
  readonly reject: (error: StoreError) => void;
}

type OnReply = (reply: Reply | StoreError) => void;

class SqliteStore implements Store {
  /** Settles once the worker has the folder, or not. */
  readonly held: Promise<void>;
  /** Settles once the log is loaded, or not. */
  readonly loaded: Promise<void>;
  readonly #worker: Worker;
  readonly #log: Log;
  readonly #hub: WatchHub;
  /** What the worker has yet to answer, in its order. */
  #expected: OnReply[] = [];
  #unsent: Waiting[] = [];
  readonly #sent = new BoundedQueue<Waiting>(MAX_TXNS_IN_FLIGHT);
  #inFlight = 0;
  #scans = 0;
  readonly #starting: { readonly held: PromiseWithResolvers<void>; readonly loaded: PromiseWithResolvers<void> };
  #isLoaded = false;
  #state: EngineState = { revision: 0, compactedRevision: 0, keys: 0, bytes: 0 };
  #broken: StoreError | undefined;
  #closing: Promise<void> | undefined;

  constructor(worker: Worker, log: Log) {
    this.#worker = worker;
    this.#log = log;
    this.#hub = new WatchHub((...history) => this.#readHistory(...history));
    const held = Promise.withResolvers<void>();
    const loaded = Promise.withResolvers<void>();
    this.held = held.promise;
    this.loaded = loaded.promise;
    // Whoever waits for one of them need not wait for the other.
    this.held.catch(() => {});
    this.loaded.catch(() => {});
    this.#starting = { held, loaded };
    worker.on("message", (reply: Reply) => this.#onReply(reply));
    worker.on("error", (error) => this.#break(`the store's thread failed: ${messageOf(error)}`));
    worker.on("exit", () => this.#break("the store's thread ended"));
  }

  txn(txn: Txn): Promise<TxnResult> {
    const refused = this.#refusal() ?? checkTxn(txn) ?? this.#overload();
    if (refused !== undefined) return Promise.reject(refused);
    this.#inFlight += 1;
    return new Promise((resolve, reject) => {
      this.#unsent.push({ txn, packed: packTxn(txn), resolve, reject });
      // What this turn asks for travels together.
      if (this.#unsent.length === 1) queueMicrotask(() => this.#flush());
    });
  }

  async range(request: RangeRequest): Promise<RangeResult> {
    const limit = request.limit ?? Number.MAX_SAFE_INTEGER;
    const records: StoreRecord[] = [];
    let after = request.after;
    let revision = request.revision;
    for (;;) {
      const page = Math.min(RANGE_PAGE, limit - records.length);
      const reply = await this.#ask({ kind: "range", prefix: request.prefix, after, limit: page, revision });
      assert(reply.kind === "range", `a range is answered by a range, not ${reply.kind}`);
      for (const record of reply.records) records.push(record);
      const whole = !reply.more || records.length >= limit;
      // Later pages read the revision of the first.
      revision ??= reply.revision;
      if (whole)
        return { records, revision: request.revision === undefined ? revision : reply.revision, more: reply.more };
      after = records.at(-1)?.key;
    }
  }

  async scan({ prefix, onRecords }: ScanRequest): Promise<number> {
    this.#scans += 1;
    const scan = this.#scans;
    const request = (): Promise<Reply> => this.#ask({ kind: "scan", scan, prefix });
    let revision: number | undefined;
    for (let page = request(); ;) {
      const reply = await page;
      assert(reply.kind === "scan", `a scan is answered by a scan, not ${reply.kind}`);
      revision ??= reply.revision;
      // The worker reads the next page while this one is taken in.
      if (!reply.done) page = request();
      const records = unpackRecords(reply.records);
      if (records.length > 0) onRecords(records);
      if (reply.done) return revision;
    }
  }

  watch(request: WatchRequest): Watch {
    const watch = this.#isLoaded ? this.#hub.open(request, this.#state) : this.#watchLater(request);
    if (this.#closing !== undefined) this.#hub.endAll({ kind: "closed" });
    else if (this.#broken !== undefined) this.#hub.endAll({ kind: "failed", error: this.#broken });
    return watch;
  }

  async compact(revision: number): Promise<void> {
    const reply = await this.#ask({ kind: "compact", revision });
    assert(reply.kind === "state", `a compaction is answered by the state, not ${reply.kind}`);
    this.#state = reply.state;
  }

  status(): StoreStatus {
    return { engine: "sqlite", ...this.#state, transactionsInFlight: this.#inFlight };
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#flush();
    if (this.#broken === undefined)
      await new Promise<void>((resolve) => this.#post({ kind: "close" }, () => resolve()));
    this.#hub.endAll({ kind: "closed" });
    await this.#worker.terminate();
  }

  #ask(request: Request): Promise<Reply> {
    const refused = this.#refusal();
    if (refused !== undefined) return Promise.reject(refused);
    // Whoever wrote before this call reads its own writes.
    this.#flush();
    return new Promise((resolve, reject) => {
      this.#post(request, (reply) => {
        const failure = failureOf(reply);
        if (failure !== undefined || reply instanceof StoreError) reject(failure ?? closedError());
        else resolve(reply);
      });
    });
  }

  #post(request: Request, onReply: OnReply): void {
    this.#expected.push(onReply);
    this.#worker.postMessage(request);
  }

  #flush(): void {
    if (this.#unsent.length === 0) return;
    const group = this.#unsent;
    this.#unsent = [];
    if (this.#broken !== undefined) return this.#refuse(group, this.#broken);
    this.#worker.postMessage({ kind: "txns", txns: group.map(({ packed }) => packed) } satisfies Request);
    for (const waiting of group) assert(this.#sent.push(waiting), "no more are in flight than the limit lets in");
  }

  #onReply(reply: Reply): void {
    if (reply.kind === "txns") return this.#onResults(reply.results, reply.state);
    if (reply.kind === "held") return this.#starting.held.resolve();
    if (reply.kind === "opened") return this.#onLoaded(reply.state);
    if (reply.kind === "refused") return this.#fail(new StoreError(reply.code, reply.message));
    this.#expected.shift()?.(reply);
  }

  /** Watches hear of a revision before its writer does. */
  #onResults(results: readonly PackedResult[], state: EngineState): void {
    this.#state = state;
    for (const packed of results) {
      const waiting = this.#sent.shift();
      assert(waiting !== undefined, "the worker answers what it was asked");
      this.#inFlight -= 1;
      if ("code" in packed) {
        waiting.reject(new StoreError(packed.code, packed.message));
        continue;
      }
      const { result, change } = unpackResult(waiting.txn, packed);
      if (change !== undefined) this.#hub.publish(change);
      waiting.resolve(result);
    }
  }

  #readHistory(...[from, prefix, done]: Parameters<ReadHistory>): void {
    const refused = this.#refusal();
    if (refused !== undefined) return queueMicrotask(() => done(refused));
    this.#flush();
    this.#post({ kind: "history", from, prefix }, (reply) => {
      const failure = failureOf(reply);
      if (failure !== undefined) return done(failure);
      assert(!(reply instanceof StoreError) && reply.kind === "history", "history is answered by history");
      done(reply);
    });
  }

  /** The thread is gone: what was on its way to the disk may or may not be there. */
  #break(message: string): void {
    if (this.#broken !== undefined) return;
    if (this.#closing === undefined) this.#log.error(message);
    this.#fail(this.#closing === undefined ? new StoreError("io", `${message}; start again`) : closedError());
  }

  #fail(error: StoreError): void {
    this.#broken = error;
    this.#starting.held.reject(error);
    this.#starting.loaded.reject(error);
    const expected = this.#expected;
    const waiting: Waiting[] = [];
    for (let next = this.#sent.shift(); next !== undefined; next = this.#sent.shift()) waiting.push(next);
    waiting.push(...this.#unsent.splice(0));
    this.#expected = [];
    for (const onReply of expected) onReply(error);
    this.#refuse(waiting, error);
    this.#hub.endAll(this.#closing === undefined ? { kind: "failed", error } : { kind: "closed" });
  }

  #onLoaded(state: EngineState): void {
    this.#state = state;
    this.#isLoaded = true;
    this.#starting.loaded.resolve();
  }

  /** Where a watch starts is known once the newest revision is. */
  #watchLater(request: WatchRequest): Watch {
    let watch: Watch | undefined;
    let ended = false;
    const end = (reason: WatchEnd): void => {
      if (!ended) request.onEnd(reason);
      ended = true;
    };
    this.loaded.then(
      () => ended || (watch = this.#hub.open(request, this.#state)),
      (thrown: unknown) => {
        const error = toStoreError(thrown, "load the state");
        end(error.code === "closed" ? { kind: "closed" } : { kind: "failed", error });
      },
    );
    return { cancel: () => (watch === undefined ? end({ kind: "cancelled" }) : watch.cancel()) };
  }

  #refuse(waiting: readonly Waiting[], error: StoreError): void {
    for (const { reject } of waiting) {
      this.#inFlight -= 1;
      reject(error);
    }
  }

  #refusal(): StoreError | undefined {
    return this.#closing === undefined ? this.#broken : closedError();
  }

  #overload(): StoreError | undefined {
    if (this.#inFlight < MAX_TXNS_IN_FLIGHT) return undefined;
    return new StoreError("unavailable", `${MAX_TXNS_IN_FLIGHT} transactions wait for the disk; try again later`);
  }
}

function failureOf(reply: Reply | StoreError): StoreError | undefined {
  if (reply instanceof StoreError) return reply;
  return reply.kind === "failed" ? new StoreError(reply.code, reply.message) : undefined;
}

function closedError(): StoreError {
  return new StoreError("closed", "the store is closed");
}
