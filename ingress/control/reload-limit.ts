import type { Clock } from "#base/env/clock.ts";

const BURST = 5;
const REFILL_MS = 2000;

/** So many reloads may follow each other at once, then one in a while: each leaves a worker behind until its connections end. */
export class ReloadLimit {
  readonly #clock: Clock;
  #left = BURST;
  #since: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#since = clock.monotonicMs();
  }

  /** Takes one; else the milliseconds until there is one. */
  take(): number {
    const now = this.#clock.monotonicMs();
    const refills = Math.floor((now - this.#since) / REFILL_MS);
    if (refills > 0) {
      this.#left = Math.min(BURST, this.#left + refills);
      this.#since += refills * REFILL_MS;
    }
    if (this.#left > 0) {
      this.#left -= 1;
      return 0;
    }
    return Math.max(1, this.#since + REFILL_MS - now);
  }
}
