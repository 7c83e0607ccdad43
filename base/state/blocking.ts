import type { Clock, Timer } from "#base/env/clock.ts";
import type { Random } from "#base/env/random.ts";
import type { Table, View, ViewChange } from "./table.ts";

/** Queries waiting at once. Above: the query is answered at once, as if its time were up. */
export const MAX_BLOCKED_QUERIES = 20_000;
/** How long one turn re-reads answers before it lets others in. */
const TURN_MS = 5;

/** An answer and the newest index that touched what it was made from. */
export interface Indexed {
  readonly index: number;
}

export interface BlockingQuery<A extends Indexed> {
  /** What the caller has seen: the answer waits until its own index is higher. 0: answer at once. */
  readonly index: number;
  /** At most this long; a random part of up to a sixteenth is added, so that a thousand callers do not return as one. */
  readonly waitMs: number;
  /** What `read` looks at: it runs again only when one of them changed. Undefined: after any change. */
  readonly tables: readonly Table<unknown>[] | undefined;
  /** Aborts when nobody waits any more: answers at once. */
  readonly signal?: AbortSignal | undefined;
  /** Synchronous, from the view. */
  readonly read: () => A;
}

interface Waiter {
  readonly tables: readonly string[] | undefined;
  /** Reads again; true when that settled it. */
  readonly check: () => boolean;
  readonly settle: () => void;
  queued: boolean;
}

/**
 * Blocking queries over one view (https://developer.hashicorp.com/nomad/api-docs#blocking-queries): a change wakes only
 * the queries that read its tables, many changes in one turn wake them once, and the re-reads are spread over turns.
 */
export class BlockingQueries {
  readonly #view: View;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #stop: () => void;
  /** By table name; `undefined`: whatever changes. */
  readonly #waiting = new Map<string | undefined, Set<Waiter>>();
  #due: Waiter[] = [];
  #scheduled = false;
  #size = 0;

  constructor(deps: { readonly view: View; readonly clock: Clock; readonly random: Random }) {
    this.#view = deps.view;
    this.#clock = deps.clock;
    this.#random = deps.random;
    this.#stop = this.#view.onChange((change) => this.#onChange(change));
  }

  /** Queries that wait now. */
  get size(): number {
    return this.#size;
  }

  /** Of the view the queries read. */
  version(): number {
    return this.#view.index;
  }

  /** Rejects only with what `read` throws. */
  run<A extends Indexed>(query: BlockingQuery<A>): Promise<A> {
    return new Promise((resolve, reject) => {
      const first = query.read();
      const over = query.waitMs <= 0 || query.signal?.aborted === true || this.#size >= MAX_BLOCKED_QUERIES;
      if (query.index <= 0 || first.index > query.index || over) return resolve(first);
      this.#wait(query, { resolve, reject });
    });
  }

  /** Answers everything that waits with what is there now. */
  close(): void {
    this.#stop();
    for (const waiters of this.#waiting.values()) for (const waiter of waiters) waiter.settle();
  }

  #wait<A extends Indexed>(
    query: BlockingQuery<A>,
    answer: { readonly resolve: (value: A) => void; readonly reject: (reason: unknown) => void },
  ): void {
    const attempt = (isEnough: (read: A) => boolean): boolean => {
      try {
        const read = query.read();
        if (!isEnough(read)) return false;
        answer.resolve(read);
      } catch (thrown) {
        answer.reject(thrown);
      }
      this.#remove(waiter);
      timer.cancel();
      query.signal?.removeEventListener("abort", settle);
      return true;
    };
    const settle = (): void => void attempt(() => true);
    const waiter: Waiter = {
      tables: query.tables?.map((table) => table.name),
      check: () => attempt((read) => read.index > query.index),
      settle,
      queued: false,
    };
    const jitterMs = (this.#random.float() * query.waitMs) / 16;
    const timer: Timer = this.#clock.after(query.waitMs + jitterMs, settle);
    query.signal?.addEventListener("abort", settle, { once: true });
    this.#add(waiter);
  }

  #add(waiter: Waiter): void {
    this.#size += 1;
    for (const table of waiter.tables ?? [undefined]) {
      const waiters = this.#waiting.get(table);
      if (waiters === undefined) this.#waiting.set(table, new Set([waiter]));
      else waiters.add(waiter);
    }
  }

  #remove(waiter: Waiter): void {
    this.#size -= 1;
    waiter.queued = false;
    for (const table of waiter.tables ?? [undefined]) {
      const waiters = this.#waiting.get(table);
      waiters?.delete(waiter);
      if (waiters?.size === 0) this.#waiting.delete(table);
    }
  }

  #onChange({ rows }: ViewChange): void {
    if (this.#size === 0) return;
    this.#queue(undefined);
    for (const table of new Set(rows.map((row) => row.table))) this.#queue(table);
    if (this.#due.length === 0 || this.#scheduled) return;
    this.#scheduled = true;
    this.#clock.soon(() => this.#work());
  }

  #queue(table: string | undefined): void {
    for (const waiter of this.#waiting.get(table) ?? []) {
      if (waiter.queued) continue;
      waiter.queued = true;
      this.#due.push(waiter);
    }
  }

  #work(): void {
    this.#scheduled = false;
    const due = this.#due;
    this.#due = [];
    const startMs = this.#clock.monotonicMs();
    for (const [i, waiter] of due.entries()) {
      if (!waiter.queued) continue;
      waiter.queued = false;
      waiter.check();
      if (this.#clock.monotonicMs() - startMs < TURN_MS || i === due.length - 1) continue;
      this.#due = due.slice(i + 1);
      this.#scheduled = true;
      this.#clock.soon(() => this.#work());
      return;
    }
  }
}
