import { GLOBAL } from "#base/protocol/keys.ts";
import type { View } from "#base/state/table.ts";
import { kv } from "#base/state/tables.ts";

/** Deleted keys that are remembered. Older ones raise the index of every prefix: some queries wake for nothing. */
const MAX_TOMBSTONES = 1024;

/** The index of a key or prefix: its newest change, deletes included, so that unrelated writes wake nobody. */
export class PrefixIndex {
  readonly #view: View;
  /** Key → revision it was deleted at, oldest first. */
  readonly #deleted = new Map<string, number>();
  /** Nothing is known of deletes up to here: they happened before this process started, or were forgotten. */
  #floor: number;
  readonly #stop: () => void;

  constructor(view: View) {
    this.#view = view;
    this.#floor = Math.max(1, view.index);
    this.#stop = view.onChange(({ revision, rows }) => {
      for (const row of rows) if (row.table === kv.name && row.kind === "delete") this.#remember(row.id, revision);
    });
  }

  close(): void {
    this.#stop();
  }

  ofKey(key: string): number {
    const row = this.#view.table(kv).get(GLOBAL, key);
    return Math.max(this.#floor, row?.modifyIndex ?? 0, this.#deleted.get(key) ?? 0);
  }

  /** Of everything under a prefix, given the newest of the rows that are there. */
  ofPrefix(prefix: string, newest: number): number {
    let index = Math.max(this.#floor, newest);
    for (const [key, revision] of this.#deleted) if (revision > index && key.startsWith(prefix)) index = revision;
    return index;
  }

  #remember(key: string, revision: number): void {
    this.#deleted.delete(key);
    this.#deleted.set(key, revision);
    if (this.#deleted.size <= MAX_TOMBSTONES) return;
    for (const [oldest, at] of this.#deleted) {
      this.#deleted.delete(oldest);
      this.#floor = Math.max(this.#floor, at);
      return;
    }
  }
}
