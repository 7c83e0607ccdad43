import type { StoreRecord, Txn, Written } from "../store.ts";

/** Values kept until the change stream brings their text back. Above, the oldest go, and are read from their text. */
export const MAX_HANDED_OVER = 20_000;

/** What this process wrote just now, for its own view: found again by key and text. */
export class HandedOver {
  readonly #values = new Map<string, { readonly value: string; readonly written: Written }>();

  keep({ then, otherwise = [] }: Txn): void {
    for (const ops of [then, otherwise]) {
      for (const op of ops) {
        if (op.op !== "put" || op.written === undefined) continue;
        this.#values.set(op.key, { value: op.value, written: op.written });
        if (this.#values.size > MAX_HANDED_OVER) this.#forgetOldest();
      }
    }
  }

  attach(record: StoreRecord): StoreRecord {
    if (this.#values.size === 0) return record;
    const kept = this.#values.get(record.key);
    if (kept === undefined || kept.value !== record.value) return record;
    this.#values.delete(record.key);
    return { ...record, written: kept.written };
  }

  #forgetOldest(): void {
    for (const key of this.#values.keys()) {
      this.#values.delete(key);
      return;
    }
  }
}
