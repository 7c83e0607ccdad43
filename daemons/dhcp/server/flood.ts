import type { Clock } from "#base/env/clock.ts";

/** What one client may send in a second; the four-way exchange needs two. */
const PER_SECOND = 20;
/** Clients counted in one second; past it strangers are let through, since the count says nothing about them. */
const MAX_CLIENTS = 65_536;

/** Counts packets per client and second. */
export class Flood {
  readonly #clock: Clock;
  readonly #seen = new Map<string, number>();
  #second = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** False: this client has said enough for this second. */
  admits(client: string): boolean {
    const second = Math.floor(this.#clock.monotonicMs() / 1000);
    if (second !== this.#second) {
      this.#seen.clear();
      this.#second = second;
    }
    const count = (this.#seen.get(client) ?? 0) + 1;
    if (count === 1 && this.#seen.size >= MAX_CLIENTS) return true;
    this.#seen.set(client, count);
    return count <= PER_SECOND;
  }
}
