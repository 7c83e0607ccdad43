import * as v from "valibot";
import { sleep } from "#base/env/clock.ts";
import type { Env } from "#base/env/env.ts";
import { messageOf } from "#base/env/errors.ts";
import {
  StoreError,
  type Change,
  type RangeResult,
  type Store,
  type StoreRecord,
  type StoreStatus,
  type Txn,
  type TxnResult,
  type Watch,
  type WatchRequest,
} from "#base/state/store.ts";
import { CatalogLineSchema, type CatalogLine, type CatalogWrite } from "./catalog-wire.ts";

export interface CatalogCalls {
  /** The stream after a revision (0: from the beginning), line by line. Ends or rejects when the server goes away. */
  readonly stream: (after: number, signal: AbortSignal) => AsyncIterable<string>;
  /** Resolves with the revision. Rejects when no server answers, or it refuses. */
  readonly write: (write: CatalogWrite) => Promise<number>;
}

const RETRY_FIRST_MS = 100;
const RETRY_MAX_MS = 5000;

/**
 * The catalog of the servers as a store: what it holds is what the last server told, whether one can be reached or not.
 * Writes go to a server, and are seen when its stream tells of them.
 */
export class CatalogStore implements Store {
  readonly #env: Env;
  readonly #calls: CatalogCalls;
  readonly #records = new Map<string, StoreRecord>();
  readonly #end = new AbortController();
  #revision = 0;
  #watchers: WatchRequest[] = [];
  #known: () => void = () => {};
  /** Resolves when a server told all there is for the first time. */
  readonly whole = new Promise<void>((resolve) => (this.#known = resolve));

  constructor(env: Env, calls: CatalogCalls) {
    this.#env = env;
    this.#calls = calls;
  }

  start(): void {
    void this.#follow();
  }

  async txn({ compare = [], then }: Txn): Promise<TxnResult> {
    if (compare.length > 0)
      throw new StoreError("unavailable", "nodes that are no servers write nothing on conditions");
    const puts: { key: string; value: string }[] = [];
    const deletes: string[] = [];
    for (const op of then) {
      if (op.op === "put") puts.push({ key: op.key, value: op.value });
      else if (op.op === "delete") deletes.push(op.key);
      else throw new StoreError("unavailable", `nodes that are no servers cannot ${op.op}`);
    }
    const revision = await this.#calls.write({ puts, deletes }).catch((thrown: unknown) => {
      throw new StoreError("unavailable", messageOf(thrown));
    });
    return { ok: true, revision, responses: [] };
  }

  range({ prefix, after, limit }: Parameters<Store["range"]>[0]): Promise<RangeResult> {
    const found = [...this.#records.values()]
      .filter(({ key }) => key.startsWith(prefix) && (after === undefined || key > after))
      .toSorted((a, b) => (a.key < b.key ? -1 : 1));
    const records = found.slice(0, limit);
    return Promise.resolve({ records, revision: this.#revision, more: records.length < found.length });
  }

  scan({ prefix, onRecords }: Parameters<Store["scan"]>[0]): Promise<number> {
    onRecords([...this.#records.values()].filter(({ key }) => key.startsWith(prefix)));
    return Promise.resolve(this.#revision);
  }

  /** Whoever watches begins with what comes after now: this store keeps no history. */
  watch(request: WatchRequest): Watch {
    this.#watchers.push(request);
    return {
      cancel: () => {
        if (!this.#watchers.includes(request)) return;
        this.#watchers = this.#watchers.filter((each) => each !== request);
        request.onEnd({ kind: "cancelled" });
      },
    };
  }

  compact(): Promise<void> {
    return Promise.resolve();
  }

  status(): StoreStatus {
    return {
      engine: "memory",
      revision: this.#revision,
      compactedRevision: 0,
      keys: this.#records.size,
      bytes: 0,
      transactionsInFlight: 0,
    };
  }

  close(): Promise<void> {
    this.#end.abort();
    for (const { onEnd } of this.#watchers.splice(0)) onEnd({ kind: "closed" });
    return Promise.resolve();
  }

  async #follow(): Promise<void> {
    const { clock, log } = this.#env;
    const { signal } = this.#end;
    let pauseMs = RETRY_FIRST_MS;
    while (!signal.aborted) {
      try {
        await this.#take(signal, () => (pauseMs = RETRY_FIRST_MS));
      } catch (thrown) {
        if (signal.aborted) return;
        log.debug("the catalog is not followed just now", { error: messageOf(thrown) });
      }
      await sleep(clock, pauseMs, signal);
      pauseMs = Math.min(RETRY_MAX_MS, pauseMs * 2);
    }
  }

  async #take(signal: AbortSignal, onLine: () => void): Promise<void> {
    let whole: Map<string, StoreRecord> | undefined;
    for await (const text of this.#calls.stream(this.#revision, signal)) {
      const line = v.parse(CatalogLineSchema, JSON.parse(text));
      onLine();
      if (line.kind === "begin") whole = new Map();
      else if (line.kind === "records") for (const record of line.records) whole?.set(record.key, record);
      else if (line.kind === "whole" && whole !== undefined) this.#replace(whole, line.revision);
      else if (line.kind === "change") this.#change(line);
    }
  }

  /** What differs from what was known is told as one change. */
  #replace(whole: ReadonlyMap<string, StoreRecord>, at: number): void {
    const changes: Change[] = [];
    for (const [key, previous] of this.#records) if (!whole.has(key)) changes.push({ kind: "delete", key, previous });
    for (const record of whole.values()) {
      const before = this.#records.get(record.key);
      if (before?.modRevision !== record.modRevision || before.value !== record.value)
        changes.push({ kind: "put", record });
    }
    this.#records.clear();
    for (const [key, record] of whole) this.#records.set(key, record);
    this.#tell(at, changes);
    this.#known();
  }

  #change({ revision, puts, deletes }: CatalogLine & { readonly kind: "change" }): void {
    const changes: Change[] = [];
    for (const key of deletes) {
      changes.push({ kind: "delete", key, previous: this.#records.get(key) });
      this.#records.delete(key);
    }
    for (const record of puts) {
      this.#records.set(record.key, record);
      changes.push({ kind: "put", record });
    }
    this.#tell(revision, changes);
  }

  #tell(revision: number, changes: readonly Change[]): void {
    this.#revision = revision;
    for (const { onRevision, prefix } of this.#watchers) {
      const own = prefix === "" ? changes : changes.filter((change) => keyOfChange(change).startsWith(prefix));
      onRevision({ revision, changes: own });
    }
  }
}

function keyOfChange(change: Change): string {
  return change.kind === "put" ? change.record.key : change.key;
}
