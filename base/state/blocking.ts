import type { Clock } from "#base/env/clock.ts";
import type { Random } from "#base/env/random.ts";
import { Deadlines } from "./deadlines.ts";
import type { Table, View, ViewChange } from "./table.ts";

/** Queries waiting at once. Above: the query is answered at once, as if its time were up. */
export const MAX_BLOCKED_QUERIES = 20_000;
/** How long one turn re-reads answers before it lets others in. */
const TURN_MS = 5;

/** An answer and the newest index that touched what it was made from. */
export interface Indexed {
  readonly index: number;
}

export interface BlockingQuery<A extends Indexed> extends Waiting {
  /** Aborts when nobody waits any more: answers at once. */
  readonly signal?: AbortSignal | undefined;
  /** Synchronous, from the view. */
  readonly read: () => A;
}

/** What somebody waits for. */
export interface Waiting {
  /** What the caller has seen: it waits until the answer's own index is higher. 0: answer at once. */
  readonly index: number;
  /** At most this long; a random part of up to a sixteenth is added, so that a thousand callers do not return as one. */
  readonly waitMs: number;
  /** What `read` looks at: it runs again only when one of them changed. Undefined: after any change. */
  readonly tables: readonly Table<unknown>[] | undefined;
  /** Synchronous, from the view. */
  readonly read: () => Indexed;
}

/** One who waits: small, as there are many. */
class Waiter {
  readonly tables: readonly Table<unknown>[] | undefined;
  readonly index: number;
  readonly read: () => Indexed;
  readonly wake: () => void;
  /** See `Deadlines`. */
  due = 0;
  queued = false;
  gone = false;

  constructor(
    tables: readonly Table<unknown>[] | undefined,
    index: number,
    { read, wake }: { readonly read: () => Indexed; readonly wake: () => void },
  ) {
    this.tables = tables;
    this.index = index;
    this.read = read;
    this.wake = wake;
  }
}

/**
 * Blocking queries over one view (https://developer.hashicorp.com/nomad/api-docs#blocking-queries): a change wakes only
 * the queries that read its tables, many changes in one turn wake them once, and the re-reads are spread over turns.
 */
export class BlockingQueries {
  readonly #view: View;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #deadlines: Deadlines<Waiter>;
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
    this.#deadlines = new Deadlines(deps.clock, (waiter) => this.#wake(waiter));
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
      const { signal, read } = query;
      const first = read();
      if (query.index <= 0 || first.index > query.index || signal?.aborted === true) return resolve(first);
      let news: A | undefined;
      const look = (): A => {
        const found = read();
        if (found.index > query.index) news = found;
        return found;
      };
      const wake = (): void => {
        signal?.removeEventListener("abort", giveUp);
        new Promise<A>((tell) => tell(news ?? read())).then(resolve, reject);
      };
      const waiting = this.wait({ ...query, read: look }, wake);
      if (waiting === undefined) return resolve(first);
      const giveUp = (): void => {
        this.leave(waiting);
        wake();
      };
      signal?.addEventListener("abort", giveUp, { once: true });
    });
  }

  /**
   * Calls `wake`, once and in a later turn, when `read` may answer something newer than `index`, or time is up. Returns
   * what {@link leave} takes; undefined when nobody can wait: time is up already, or too many wait.
   */
  wait({ index, waitMs, tables, read }: Waiting, wake: () => void): object | undefined {
    if (waitMs <= 0 || this.#size >= MAX_BLOCKED_QUERIES) return undefined;
    const waiter = new Waiter(tables, index, { read, wake });
    waiter.due = this.#deadlines.add(waiter, waitMs + (this.#random.float() * waitMs) / 16);
    this.#add(waiter);
    return waiter;
  }

  /** Takes back what `wait` returned. */
  leave(waiting: object): void {
    if (waiting instanceof Waiter) this.#remove(waiting);
  }

  /** Wakes everything that waits. */
  close(): void {
    this.#stop();
    for (const waiters of this.#waiting.values()) for (const waiter of waiters) this.#wake(waiter);
  }

  #wake(waiter: Waiter): void {
    if (waiter.gone) return;
    this.#remove(waiter);
    waiter.wake();
  }

  /** What cannot be read any more is for the one who waits to find out. */
  #isNews({ read, index }: Waiter): boolean {
    try {
      return read().index > index;
    } catch {
      return true;
    }
  }

  #add(waiter: Waiter): void {
    this.#size += 1;
    for (const table of namesOf(waiter)) {
      const waiters = this.#waiting.get(table);
      if (waiters === undefined) this.#waiting.set(table, new Set([waiter]));
      else waiters.add(waiter);
    }
  }

  #remove(waiter: Waiter): void {
    if (waiter.gone) return;
    waiter.gone = true;
    waiter.queued = false;
    this.#size -= 1;
    this.#deadlines.remove(waiter, waiter.due);
    for (const table of namesOf(waiter)) {
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
      if (this.#isNews(waiter)) this.#wake(waiter);
      if (this.#clock.monotonicMs() - startMs < TURN_MS || i === due.length - 1) continue;
      this.#due = due.slice(i + 1);
      this.#scheduled = true;
      this.#clock.soon(() => this.#work());
      return;
    }
  }
}

function namesOf({ tables }: Waiter): readonly (string | undefined)[] {
  return tables?.map(({ name }) => name) ?? ANY_TABLE;
}

const ANY_TABLE = [undefined] as const;
