import type { Clock } from "#base/env/clock.ts";
import { silentLog, type Log } from "#base/env/log.ts";
import { messageOf } from "#base/env/errors.ts";
import { OffsetStore } from "../index-offset.ts";
import {
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
  type WatchRequest,
} from "../store.ts";
import { checkTxn } from "../transaction.ts";
import { MAX_WATCHES } from "../watch-hub.ts";
import { EtcdError, type EtcdApi, type EtcdRange, type EtcdRangeResult } from "./api.ts";
import { mayPut } from "./batch.ts";
import { closedError, toStoreError } from "./etcd-errors.ts";
import { FollowedWatch } from "./followed-watch.ts";
import { HandedOver } from "./handed-over.ts";
import { HIDDEN, HIDDEN_MARK, shown } from "./hidden.ts";
import { KeyCount } from "./key-count.ts";
import { GIVE_UP_MS, Patience, type Attempts } from "./patience.ts";
import { Pipeline } from "./pipeline.ts";

export interface EtcdStoreOptions {
  /** Closed with the store. */
  readonly api: EtcdApi;
  readonly clock: Clock;
  /** Names this server among all that ever write: no two stores that are open at one time share it. */
  readonly writer: string;
  /** Differs from run to run. */
  readonly session: string;
  /** How long a call is tried while no member answers. Default {@link GIVE_UP_MS}. */
  readonly giveUpMs?: number;
  readonly log?: Log;
}

/** Records per answer of a large read. */
const PAGE = 5000;
/** A database that reached its quota is asked so often whether it has room again. */
const FULL_MS = 1000;

/**
 * The store of a cluster with several servers: etcd. What etcd counts from 1, the contract counts from 0. Rejects with a
 * {@link StoreError}: `unavailable` where no member answers in time.
 */
export async function openEtcdStore(options: EtcdStoreOptions): Promise<Store> {
  const { api, clock, writer, session, giveUpMs = GIVE_UP_MS } = options;
  const attempts = { clock, giveUpMs };
  const markPrefix = `${HIDDEN}writers/${writer}/`;
  try {
    const marks = await patiently(attempts, (attemptMs) => api.range({ span: { prefix: markPrefix } }, attemptMs));
    const count = new KeyCount(api, clock);
    await patiently(attempts, (attemptMs) => count.count(attemptMs));
    const known = new Map(marks.records.map(({ key, modRevision }) => [key, modRevision]));
    const store = new EtcdStore(options, { count, revision: marks.revision, known, markPrefix, session, attempts });
    return new OffsetStore(store, -1);
  } catch (thrown) {
    await api.close();
    throw toStoreError(thrown);
  }
}

interface Opened {
  readonly count: KeyCount;
  readonly revision: number;
  readonly known: ReadonlyMap<string, number>;
  readonly markPrefix: string;
  readonly session: string;
  readonly attempts: Attempts;
}

class EtcdStore implements Store {
  readonly #api: EtcdApi;
  readonly #clock: Clock;
  readonly #attempts: Attempts;
  readonly #log: Log;
  readonly #count: KeyCount;
  readonly #pipeline: Pipeline;
  readonly #handedOver = new HandedOver();
  readonly #watches = new Set<FollowedWatch>();
  #revision: number;
  /** Etcd's first revision is the empty store: nobody can watch from there. */
  #compacted = 1;
  #closing: Promise<void> | undefined;
  #full: { readonly error: StoreError; readonly untilMs: number } | undefined;

  constructor(options: EtcdStoreOptions, { count, revision, known, markPrefix, session, attempts }: Opened) {
    this.#api = options.api;
    this.#clock = options.clock;
    this.#attempts = attempts;
    this.#log = options.log ?? silentLog;
    this.#count = count;
    this.#revision = revision;
    const onRevision = (heard: number): void => this.#heard(heard);
    this.#pipeline = new Pipeline({ api: this.#api, attempts, markPrefix, session, onRevision }, known);
  }

  async txn(txn: Txn): Promise<TxnResult> {
    const refused = this.#refusal() ?? checkTxn(txn) ?? checkKeys(txn) ?? this.#overload() ?? this.#fullness(txn);
    if (refused !== undefined) throw refused;
    this.#handedOver.keep(txn);
    try {
      const result = await this.#pipeline.submit(txn);
      this.#count.heard(result.responses, result.revision);
      return result;
    } catch (thrown) {
      if (thrown instanceof StoreError && thrown.code === "full")
        this.#full = { error: thrown, untilMs: this.#clock.monotonicMs() + FULL_MS };
      throw thrown;
    }
  }

  async range(request: RangeRequest): Promise<RangeResult> {
    const refused = this.#refusal();
    if (refused !== undefined) throw refused;
    const { prefix, after, limit = Number.MAX_SAFE_INTEGER } = request;
    const page = (from: string | undefined, left: number, revision: number | undefined): Promise<EtcdRangeResult> =>
      this.#ask({
        span: shown(prefix, from),
        limit: Math.min(left, PAGE),
        ...(revision === undefined ? {} : { revision }),
      });
    const first = (): Promise<EtcdRangeResult> => page(after, limit, request.revision);
    // What is read of the past is in no writer's way.
    const start = await (request.revision === undefined ? this.#pipeline.read(prefix, first) : first());
    const records: StoreRecord[] = [...start.records];
    let { more } = start;
    while (more && records.length < limit) {
      const revision = request.revision ?? start.revision;
      const next = await page(records.at(-1)?.key, limit - records.length, revision);
      for (const record of next.records) records.push(record);
      ({ more } = next);
    }
    return { records, revision: start.revision, more };
  }

  async scan({ prefix, onRecords }: ScanRequest): Promise<number> {
    const refused = this.#refusal();
    if (refused !== undefined) throw refused;
    let revision: number | undefined;
    for (let after: string | undefined, more = true; more;) {
      const at: Pick<EtcdRange, "revision"> = revision === undefined ? {} : { revision };
      const page = await this.#ask({ span: shown(prefix, after), limit: PAGE, ...at });
      revision ??= page.revision;
      ({ more } = page);
      after = page.records.at(-1)?.key;
      if (page.records.length > 0) onRecords(page.records);
    }
    return revision ?? this.#revision;
  }

  watch(request: WatchRequest): Watch {
    const deps = {
      api: this.#api,
      clock: this.#clock,
      attach: (record: StoreRecord) => this.#handedOver.attach(record),
      onRevision: (revision: number) => this.#heard(revision),
    };
    const asked = request.fromRevision ?? 0;
    const onEnd: WatchRequest["onEnd"] = (reason) => {
      this.#watches.delete(watch);
      request.onEnd(reason);
    };
    const watch: FollowedWatch = new FollowedWatch(
      deps,
      { ...request, onEnd },
      asked === 0 ? this.#revision + 1 : asked,
    );
    const refused = this.#refusal() ?? this.#crowd(request.prefix);
    if (refused === undefined) {
      this.#watches.add(watch);
      watch.start();
    } else {
      // In a later turn, so that the caller holds its watch before it hears of the end.
      queueMicrotask(() =>
        watch.end(refused.code === "closed" ? { kind: "closed" } : { kind: "failed", error: refused }),
      );
    }
    return { cancel: () => watch.end({ kind: "cancelled" }) };
  }

  async compact(revision: number): Promise<void> {
    const refused = this.#refusal();
    if (refused !== undefined) throw refused;
    try {
      await patiently(this.#attempts, (attemptMs) => this.#api.compact(revision, attemptMs));
    } catch (thrown) {
      // Somebody else went as far.
      if (!(thrown instanceof EtcdError) || thrown.kind !== "compacted") throw toStoreError(thrown);
    }
    this.#compacted = Math.max(this.#compacted, revision);
  }

  status(): StoreStatus {
    const transactionsInFlight = this.#pipeline.inFlight;
    const { keys, bytes } = this.#count.read();
    return {
      engine: "etcd",
      revision: this.#revision,
      compactedRevision: this.#compacted,
      keys,
      bytes,
      transactionsInFlight,
    };
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#pipeline.drained();
    for (const watch of this.#watches) watch.end({ kind: "closed" });
    await this.#api.close().catch((thrown: unknown) => this.#log.warn("etcd: closing", { error: messageOf(thrown) }));
  }

  async #ask(request: EtcdRange): Promise<EtcdRangeResult> {
    try {
      const result = await patiently(this.#attempts, (attemptMs) => this.#api.range(request, attemptMs));
      this.#heard(result.revision);
      return result;
    } catch (thrown) {
      throw toStoreError(thrown);
    }
  }

  #heard(revision: number): void {
    if (revision > this.#revision) this.#revision = revision;
  }

  #refusal(): StoreError | undefined {
    return this.#closing === undefined ? undefined : closedError();
  }

  /** What etcd refuses for want of room was a record of its log before, so it is not asked again and again. */
  #fullness(txn: Txn): StoreError | undefined {
    const full = this.#full;
    return full !== undefined && this.#clock.monotonicMs() < full.untilMs && mayPut(txn) ? full.error : undefined;
  }

  #overload(): StoreError | undefined {
    if (this.#pipeline.inFlight < MAX_TXNS_IN_FLIGHT) return undefined;
    return new StoreError("unavailable", `${MAX_TXNS_IN_FLIGHT} transactions wait for etcd; try again later`);
  }

  #crowd(prefix: string): StoreError | undefined {
    if (this.#watches.size < MAX_WATCHES) return undefined;
    return new StoreError("unavailable", `cannot watch ${prefix}: ${MAX_WATCHES} watches are open`);
  }
}

/** What is safe to ask twice. */
async function patiently<T>(attempts: Attempts, call: (attemptMs: number) => Promise<T>): Promise<T> {
  const patience = new Patience(attempts);
  for (;;) {
    try {
      return await call(patience.attemptMs);
    } catch (thrown) {
      if (!(thrown instanceof EtcdError) || thrown.kind !== "unavailable") throw thrown;
      if (!(await patience.pause())) throw thrown;
    }
  }
}

/** Refuses what only this engine cannot hold. */
function checkKeys({ compare = [], then, otherwise = [] }: Txn): StoreError | undefined {
  for (const one of [...compare, ...then, ...otherwise]) {
    const key = "prefix" in one ? one.prefix : one.key;
    if (key.startsWith(HIDDEN_MARK))
      return new StoreError("bad_key", `key ${JSON.stringify(key)}: what begins with U+10FFFF belongs to the engine`);
    if (key === "" && !("prefix" in one)) return new StoreError("bad_key", "the key is empty: etcd holds no such key");
  }
  return undefined;
}
