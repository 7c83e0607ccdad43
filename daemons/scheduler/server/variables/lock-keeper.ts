import type { Timer } from "#base/env/clock.ts";
import { messageOf } from "#base/env/errors.ts";
import type { StoredVariable } from "#base/protocol/variable.ts";
import { put, unchanged } from "#base/state/codec.ts";
import type { Row, ViewChange } from "#base/state/table.ts";
import { variables } from "#base/state/tables.ts";
import { nowNsOf, type ServerContext } from "../server-context.ts";

interface Held {
  readonly lockId: string;
  readonly timer: Timer;
}

/** A store that refuses to take a lock away is asked again after this. */
const RETRY_MS = 1000;

/**
 * Takes locks away whose holders did not renew them in time. Renewals are not written: with a new leader every lock
 * lives for one more whole time to live.
 */
export class LockKeeper {
  readonly #context: ServerContext;
  /** By namespace and path. */
  readonly #held = new Map<string, Held>();
  #running = false;

  constructor(context: ServerContext) {
    this.#context = context;
  }

  start(): void {
    this.#running = true;
    for (const row of this.#context.state.view.table(variables).by("locked", "yes")) this.renew(row);
  }

  stop(): void {
    this.#running = false;
    for (const { timer } of this.#held.values()) timer.cancel();
    this.#held.clear();
  }

  /** Locks that somebody holds. */
  get size(): number {
    return this.#held.size;
  }

  apply({ rows }: ViewChange): void {
    for (const { table, namespace, id } of rows) {
      if (table !== variables.name) continue;
      const row = this.#context.state.view.table(variables).get(namespace, id);
      const lockId = row?.value.Lock?.ID ?? "";
      if (row !== undefined && lockId !== "" && lockId !== this.#held.get(keyOf(row))?.lockId) this.renew(row);
      else if (lockId === "") this.#forget(keyOf({ namespace, id }));
    }
  }

  /** The holder lives: the lock holds for its whole time again. */
  renew(row: Row<StoredVariable>): void {
    const { Lock } = row.value;
    if (Lock === null || !this.#running) return;
    this.#arm(row, Lock.ID, Lock.TTL / 1e6);
  }

  #arm(row: Pick<Row<StoredVariable>, "namespace" | "id">, lockId: string, afterMs: number): void {
    const key = keyOf(row);
    this.#forget(key);
    const timer = this.#context.env.clock.after(afterMs, () => {
      this.#expire(row, lockId).catch((thrown: unknown) => {
        this.#context.env.log.warn("a lock that ran out could not be taken away", { reason: messageOf(thrown) });
        if (this.#running) this.#arm(row, lockId, RETRY_MS);
      });
    });
    this.#held.set(key, { lockId, timer });
  }

  #forget(key: string): void {
    this.#held.get(key)?.timer.cancel();
    this.#held.delete(key);
  }

  async #expire({ namespace, id }: Pick<Row<StoredVariable>, "namespace" | "id">, lockId: string): Promise<void> {
    const { state, store } = this.#context;
    const row = state.view.table(variables).get(namespace, id);
    const lock = row?.value.Lock ?? null;
    if (row === undefined || lock === null || lock.ID !== lockId) return;
    const value = { ...row.value, Lock: null, DelayUntil: nowNsOf(this.#context) + lock.LockDelay };
    const done = await store.txn({ compare: [unchanged(variables, row)], then: [put(variables, row, value)] });
    if (!done.ok && this.#running) this.#arm(row, lockId, RETRY_MS);
  }
}

/** A namespace holds no slash. */
function keyOf({ namespace, id }: { readonly namespace: string; readonly id: string }): string {
  return `${namespace}/${id}`;
}
