import type { Clock, Timer } from "#base/env/clock.ts";

export interface QuiescenceOptions {
  /** Renders once nothing changed for this long … */
  readonly minMs: number;
  /** … or at the latest this long after the first change. */
  readonly maxMs: number;
}

/**
 * Gathers a burst of changes into one call: waits until `minMs` pass without another change, but never longer than
 * `maxMs` after the first (consul-template's `wait`).
 */
export class Quiescence {
  readonly #clock: Clock;
  readonly #options: QuiescenceOptions;
  readonly #settled: () => void;
  #timer: Timer | undefined;
  #firstMs = 0;

  constructor(clock: Clock, options: QuiescenceOptions, settled: () => void) {
    this.#clock = clock;
    this.#options = options;
    this.#settled = settled;
  }

  changed(): void {
    const now = this.#clock.monotonicMs();
    if (this.#timer === undefined) this.#firstMs = now;
    else this.#timer.cancel();
    const latest = this.#firstMs + this.#options.maxMs;
    this.#timer = this.#clock.after(Math.max(0, Math.min(this.#options.minMs, latest - now)), () => {
      this.#timer = undefined;
      this.#settled();
    });
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }
}
