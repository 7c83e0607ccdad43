import type { LogEntry } from "#base/env/log.ts";

/** Entries kept for people who start to listen after the fact. */
const MAX_ENTRIES = 512;

/** The newest entries; adding to a full ring forgets the oldest. */
export class LogRing {
  readonly #entries: LogEntry[] = [];
  #next = 0;

  add(entry: LogEntry): void {
    this.#entries[this.#next] = entry;
    this.#next = (this.#next + 1) % MAX_ENTRIES;
  }

  newest(): readonly LogEntry[] {
    return this.#entries.length < MAX_ENTRIES
      ? [...this.#entries]
      : [...this.#entries.slice(this.#next), ...this.#entries.slice(0, this.#next)];
  }
}
