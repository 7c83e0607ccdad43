import type { OpResult, StoreRecord } from "#base/state/store.ts";
import { evaluate, type Keyspace, type Write } from "#base/state/transaction.ts";
import { Compaction } from "./compaction.ts";
import type { Located } from "./key-index.ts";
import { LogFile } from "./log-file.ts";
import { readHistory, readRange, recordAt } from "./log-reads.ts";
import { LogLoader, type LogState } from "./log-state.ts";
import { Scan } from "./scan.ts";
import { toStoreError } from "./sqlite-errors.ts";
import {
  unpackTxn,
  type EngineState,
  type PackedResult,
  type PackedTxn,
  type Reply,
  type Request,
  type WorkerSettings,
} from "./wire.ts";

/** Commits between two looks at the size of the files. */
const COMMITS_PER_LOOK = 64;

/** The state as the worker holds it: the log on disk, the index of keys in memory. Synchronous throughout. */
export class Engine {
  readonly folder: string;
  readonly #log: LogState;
  readonly #loader: LogLoader;
  readonly #compaction: Compaction;
  readonly #keyspace: Keyspace<Located>;
  #bytes = 0;
  #commits = 0;
  readonly #scans = new Map<number, Scan>();

  /** Throws a `StoreError`: `busy`, `foreign_version`, `corrupt`, `full`, `io`. */
  constructor(settings: WorkerSettings) {
    this.folder = settings.folder;
    const file = new LogFile(settings.folder, settings.maxBytes);
    try {
      this.#loader = new LogLoader(file);
      const log = this.#loader.state;
      this.#log = log;
      this.#compaction = new Compaction(log, settings);
      this.#keyspace = {
        find: (key) => log.index.find(key),
        value: (_key, found) => recordAt(log, found.row).value,
        under: (prefix) => log.index.under(prefix),
      };
      this.#bytes = file.bytes();
    } catch (thrown) {
      file.close();
      throw toStoreError(thrown, `read ${file.path}`);
    }
  }

  /** Until it is, only {@link load} and scans may be asked for. */
  get loaded(): boolean {
    return this.#loader.done;
  }

  /** Whether a scan takes what is loaded: it sets the pace then. */
  get scanning(): boolean {
    return this.#scans.size > 0;
  }

  /** Reads some more of the log. Throws `corrupt`. */
  load(): void {
    try {
      this.#loader.step();
    } catch (thrown) {
      throw toStoreError(thrown, `read ${this.#log.file.path}`);
    }
  }

  get state(): EngineState {
    const { revision, compacted, index } = this.#log;
    return { revision, compactedRevision: compacted, keys: index.size, bytes: this.#bytes };
  }

  /** All transactions in order as one commit on disk; each stands on what those before it wrote. */
  commit(txns: readonly PackedTxn[]): PackedResult[] {
    const { revision, lastRow, rows } = this.#log;
    const written: Write<Located>[] = [];
    try {
      let results: PackedResult[] = [];
      this.#log.file.transact(() => {
        results = txns.map((txn) => this.#apply(txn, written));
      });
      if (++this.#commits % COMMITS_PER_LOOK === 0) this.#bytes = this.#log.file.bytes();
      return results;
    } catch (thrown) {
      for (const { key, previous } of written.reverse()) {
        if (previous === undefined) this.#log.index.delete(key);
        else this.#log.index.set(key, previous);
      }
      Object.assign(this.#log, { revision, lastRow, rows });
      const { code, message } = toStoreError(thrown, `write ${this.#log.file.path}`);
      return txns.map(() => ({ code, message }));
    }
  }

  answer(request: Exclude<Request, { kind: "txns" }>): Reply {
    try {
      switch (request.kind) {
        case "range":
          return readRange(this.#log, request);
        case "scan":
          return this.#scan(request.scan, request.prefix);
        case "history":
          return readHistory(this.#log, request.prefix, request.from);
        case "compact":
          this.#compaction.compact(request.revision);
          return { kind: "state", state: this.state };
        case "close":
          this.close();
          return { kind: "closed" };
        default:
          return request satisfies never;
      }
    } catch (thrown) {
      const { code, message } = toStoreError(thrown, `${request.kind} ${this.#log.file.path}`);
      return { kind: "failed", code, message };
    }
  }

  close(): void {
    this.#log.file.close(this.loaded ? this.#log.lastRow : undefined);
  }

  /** One short piece of background work; whether more is left. A failure (a full disk) leaves the rest for later. */
  tidy(): boolean {
    try {
      this.#compaction.compactIfDue();
      if (this.#compaction.pending) this.#compaction.step();
      return this.#compaction.pending;
    } catch {
      return false;
    }
  }

  #scan(id: number, prefix: string): Reply {
    const scan = this.#scans.get(id) ?? new Scan(this.#loader, prefix);
    this.#scans.delete(id);
    const page = scan.page();
    if (!page.done) this.#scans.set(id, scan);
    return page;
  }

  #apply(packed: PackedTxn, written: Write<Located>[]): PackedResult {
    const log = this.#log;
    const revision = log.revision + 1;
    const { ok, responses, writes } = evaluate(unpackTxn(packed), this.#keyspace, revision);
    const removed: StoreRecord[] = [];
    for (const write of writes) {
      const { key, record, previous } = write;
      if (record === undefined && previous !== undefined) removed.push(recordAt(log, previous.row));
      log.lastRow += 1;
      log.rows += 1;
      const { value, createRevision = 0, version = 0 } = record ?? {};
      const row = log.lastRow;
      log.file.append({ row, revision, key, value, createRevision, version, previous: previous?.row ?? 0 });
      written.push(write);
      const at = { row, createRevision, modRevision: revision, version };
      if (record === undefined) log.index.delete(key);
      else if (previous === undefined) log.index.insert(key, at);
      else log.index.update(previous.slot, at);
    }
    if (writes.length > 0) log.revision = revision;
    return { ok, revision: log.revision, removed, wrote: writes.length > 0, ...packResponses(responses) };
  }
}

function packResponses(responses: readonly OpResult[]): { numbers: number[]; got: StoreRecord[] } {
  const numbers: number[] = [];
  const got: StoreRecord[] = [];
  for (const response of responses) {
    switch (response.op) {
      case "put":
        numbers.push(response.record.createRevision, response.record.version);
        break;
      case "get":
        numbers.push(response.record === undefined ? -1 : got.push(response.record) - 1);
        break;
      case "delete":
      case "deletePrefix":
        numbers.push(response.deleted);
        break;
      default:
        response satisfies never;
    }
  }
  return { numbers, got };
}
