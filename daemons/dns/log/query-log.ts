import type { Env } from "#base/env/env.ts";
import type { Timer } from "#base/env/clock.ts";
import { messageOf } from "#base/env/errors.ts";
import type { OpenSqlFile } from "#base/env/sql.ts";
import type { QueryRecord } from "../query-record.ts";
import type { Settings } from "../settings/settings.ts";
import { LOG_SCHEMA, LongTerm } from "./long-term.ts";
import { IDS_PER_MS, type LoggedQuery } from "./logged-query.ts";
import { seenAt } from "./privacy.ts";
import { compileFilter, type QueryFilter } from "./query-filter.ts";
import { QueryRing } from "./query-ring.ts";

/** Queries kept in memory. */
export const MAX_RECENT = 20_000;
/** They also wait there to be written; when the disk does not keep up, the oldest are not written, and counted. */
/** Everything that came meanwhile is one write: flash memory wears by writes. */
const WRITE_EVERY_MS = 30_000;
const WRITE_AT = 5000;
/** Handed to the thread that writes in one go: making rows of them keeps this thread for about a millisecond. */
const WRITE_STEP = 500;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** A clock that stepped back further than this starts new ids. */
const STEP_MS = 1000;
const MAX_TAILS = 64;

export interface QueryLogDeps {
  readonly env: Pick<Env, "clock" | "log">;
  readonly settings: () => Settings["log"];
  /** Absent: nothing outlives the program. */
  readonly openFile?: OpenSqlFile;
  readonly path?: string;
}

export interface FoundQueries {
  readonly queries: readonly LoggedQuery[];
  /** Of all there are within the time that was asked for. */
  readonly total: number;
  readonly matching: number;
}

/** Takes every answered question. Nothing here makes an answer wait. */
export class QueryLog {
  /** Queries that were not written because the disk did not keep up. */
  unwritten = 0;
  readonly #deps: QueryLogDeps;
  readonly #ring = new QueryRing(MAX_RECENT);
  readonly #tails = new Set<(query: LoggedQuery) => void>();
  /** Number of the next query to be written. */
  #written = 0;
  #longTerm: LongTerm | undefined;
  #writing: Promise<void> | undefined;
  #timer: Timer | undefined;
  #lastId = 0;
  #lastTimeMs = 0;
  #forgotAtMs = 0;
  #isStopped = false;

  constructor(deps: QueryLogDeps) {
    this.#deps = deps;
  }

  /** A database that cannot be opened costs the history, nothing else. */
  async start(): Promise<void> {
    const { env, openFile, path } = this.#deps;
    if (openFile !== undefined && path !== undefined) {
      try {
        this.#longTerm = new LongTerm(await openFile({ path, schema: LOG_SCHEMA }));
      } catch (thrown) {
        env.log.error(`queries are kept in memory only: ${path}: ${messageOf(thrown)}`);
      }
    }
    this.#plan();
  }

  get longTerm(): LongTerm | undefined {
    return this.#longTerm;
  }

  /** Keeps what the settings allow of a record. */
  take(record: QueryRecord): void {
    const settings = this.#deps.settings();
    const seen = settings.enabled ? seenAt(settings.privacyLevel, record) : undefined;
    if (seen === undefined) return;
    const ring = this.#ring;
    ring.push(record, seen, this.#nextId(record.timeMs));
    if (this.#longTerm === undefined || settings.retentionDays === 0) this.#written = ring.pushed;
    else if (ring.pushed - this.#written >= WRITE_AT) this.#hurry();
    if (this.#tails.size > 0) this.#tell();
  }

  /** Calls with each query from now on. Returns what ends it; undefined: too many are at it. */
  tail(listener: (query: LoggedQuery) => void): (() => void) | undefined {
    if (this.#tails.size >= MAX_TAILS) return undefined;
    this.#tails.add(listener);
    return () => void this.#tails.delete(listener);
  }

  recent(): Generator<LoggedQuery> {
    return this.#ring.newestFirst();
  }

  /** Newest first: from memory, and from the database what is older than that. */
  async find(filter: QueryFilter, page: { readonly limit: number; readonly skip: number }): Promise<FoundQueries> {
    const matches = compileFilter(filter);
    const span = { fromMs: filter.fromMs, untilMs: filter.untilMs };
    const inSpan = compileFilter(span);
    const recent = [...this.#ring.newestFirst()];
    const found = recent.filter(matches);
    const total = recent.filter(inSpan).length;
    const queries = found.slice(page.skip, page.skip + page.limit);
    const oldest = this.#ring.oldest?.id;
    const older = { beforeId: Math.min(filter.beforeId ?? Number.MAX_SAFE_INTEGER, oldest ?? Number.MAX_SAFE_INTEGER) };
    const store = this.#longTerm;
    const isCovered =
      recent.length > 0 && filter.fromMs !== undefined && (this.#ring.oldest?.timeMs ?? 0) < filter.fromMs;
    if (store === undefined || isCovered) return { queries, total, matching: found.length };
    const rest = page.limit - queries.length;
    const more =
      rest > 0
        ? await store.find({ ...filter, ...older }, { limit: rest, skip: Math.max(0, page.skip - found.length) })
        : [];
    const storedTotal = await store.count({ ...span, ...(oldest === undefined ? {} : { beforeId: oldest }) });
    const storedMatching = await store.count({ ...filter, ...older });
    return { queries: [...queries, ...more], total: total + storedTotal, matching: found.length + storedMatching };
  }

  /** Everything so far is on its way to the disk when it resolves. */
  async flush(): Promise<void> {
    while (this.#longTerm !== undefined && (this.#written < this.#ring.pushed || this.#writing !== undefined))
      await this.#write();
  }

  /** Forgets everything, or what is older. */
  async forget(beforeMs = Number.MAX_SAFE_INTEGER / IDS_PER_MS): Promise<void> {
    await this.flush();
    const kept = [...this.#ring.newestFirst()].filter(({ timeMs }) => timeMs >= beforeMs).toReversed();
    this.#ring.clear();
    for (const query of kept) this.#ring.push(query, query, query.id);
    this.#written = this.#ring.pushed;
    await this.#longTerm?.forgetBefore(beforeMs);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    this.#tails.clear();
    await this.flush();
    await this.#longTerm?.close();
    this.#longTerm = undefined;
  }

  #nextId(timeMs: number): number {
    const first = Math.floor(timeMs) * IDS_PER_MS;
    const isBack = timeMs < this.#lastTimeMs - STEP_MS;
    this.#lastTimeMs = timeMs;
    this.#lastId = isBack ? first : Math.max(first, this.#lastId + 1);
    return this.#lastId;
  }

  #tell(): void {
    const query = this.#ring.at(this.#ring.pushed - 1);
    if (query !== undefined) for (const tail of this.#tails) tail(query);
  }

  #hurry(): void {
    const lost = this.#ring.pushed - this.#ring.size - this.#written;
    if (lost > 0) {
      this.unwritten += lost;
      this.#written += lost;
    }
    if (this.#writing === undefined) void this.#write();
  }

  #write(): Promise<void> {
    this.#writing ??= this.#writeOnce().finally(() => {
      this.#writing = undefined;
    });
    return this.#writing;
  }

  /** Everything that is there when it begins. */
  async #writeOnce(): Promise<void> {
    const until = this.#ring.pushed;
    while (this.#written < until) {
      const batch: LoggedQuery[] = [];
      for (const end = Math.min(until, this.#written + WRITE_STEP); this.#written < end; this.#written++) {
        const query = this.#ring.at(this.#written);
        if (query === undefined) this.unwritten += 1;
        else batch.push(query);
      }
      await this.#append(batch);
    }
  }

  async #append(batch: readonly LoggedQuery[]): Promise<void> {
    try {
      await this.#longTerm?.append(batch);
    } catch (thrown) {
      this.unwritten += batch.length;
      this.#deps.env.log.error(`${batch.length} queries were not written: ${messageOf(thrown)}`);
    }
  }

  #plan(): void {
    if (this.#isStopped || this.#longTerm === undefined) return;
    this.#timer = this.#deps.env.clock.after(WRITE_EVERY_MS, () => {
      void this.#write().then(() => this.#forgetOld());
      this.#plan();
    });
  }

  async #forgetOld(): Promise<void> {
    const nowMs = this.#deps.env.clock.nowMs();
    const { retentionDays } = this.#deps.settings();
    if (Math.abs(nowMs - this.#forgotAtMs) < 6 * HOUR_MS || this.#isStopped) return;
    this.#forgotAtMs = nowMs;
    try {
      await this.#longTerm?.forgetBefore(nowMs - retentionDays * DAY_MS);
    } catch (thrown) {
      this.#deps.env.log.error(`old queries were not forgotten: ${messageOf(thrown)}`);
    }
  }
}
