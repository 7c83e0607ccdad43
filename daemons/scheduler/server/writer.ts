import type { Clock } from "#base/env/clock.ts";
import { MAX_TXN_OPS, StoreError, type Op, type Store } from "#base/state/store.ts";

/** Writes that wait while the disk is slow; above that writers are told to come again. */
export const MAX_WAITING_WRITES = 100_000;

interface Waiting {
  readonly ops: readonly Op[];
  readonly resolve: (revision: number) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Small writes without conditions (reports, states, evaluations), many to a transaction: those that come in one turn,
 * or while the last batch is on its way to the disk, share one.
 */
export class BatchWriter {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #waiting: Waiting[] = [];
  #working = false;

  constructor(store: Store, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** The newest revision of the store. */
  get revision(): number {
    return this.#store.status().revision;
  }

  /**
   * All of `ops` or none, in one revision; resolves with it. The last write to a key wins. Rejects with the store's
   * error, or `busy` at {@link MAX_WAITING_WRITES}.
   */
  write(ops: readonly Op[]): Promise<number> {
    if (ops.length === 0) return Promise.resolve(0);
    if (this.#waiting.length >= MAX_WAITING_WRITES) {
      return Promise.reject(new StoreError("busy", `${MAX_WAITING_WRITES} writes wait already: try again later`));
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ ops, resolve, reject });
      if (this.#working) return;
      this.#working = true;
      this.#clock.soon(() => void this.#work());
    });
  }

  async #work(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#takeBatch();
      try {
        const { revision } = await this.#store.txn({ then: mergeOps(batch.flatMap(({ ops }) => ops)) });
        for (const { resolve } of batch) resolve(revision);
      } catch (thrown) {
        for (const { reject } of batch) reject(thrown);
      }
    }
    this.#working = false;
  }

  #takeBatch(): Waiting[] {
    let size = 0;
    let count = 0;
    for (const { ops } of this.#waiting) {
      size += ops.length;
      if (size > MAX_TXN_OPS && count > 0) break;
      count += 1;
    }
    return this.#waiting.splice(0, count);
  }
}

/** A transaction writes each key once. */
function mergeOps(ops: readonly Op[]): Op[] {
  const byKey = new Map<string, Op>();
  for (const op of ops) byKey.set("key" in op ? op.key : op.prefix, op);
  return [...byKey.values()];
}
