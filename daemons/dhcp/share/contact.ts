import type { Clock } from "#base/env/clock.ts";
import type { ShareTimes } from "./share-times.ts";

/** Clocks run this much faster or slower at worst. */
const DRIFT = 0.01;

/**
 * When this instance last knew all that is in the store. It counts from when the read was sent, so that whatever was
 * written before is in it; and only reads in which nobody waits for a word from us count.
 */
export class Contact {
  readonly #clock: Clock;
  readonly #times: ShareTimes;
  #lastMonotonic: number | undefined;
  #isConnected = false;

  /** `agoMs`: what is known from before this program started; undefined: nothing. */
  constructor(clock: Clock, times: ShareTimes, agoMs: number | undefined) {
    this.#clock = clock;
    this.#times = times;
    this.#lastMonotonic = agoMs === undefined ? undefined : clock.monotonicMs() - agoMs;
  }

  /** The store answers, and has all that was promised here. */
  get isConnected(): boolean {
    return this.#isConnected;
  }

  set isConnected(yes: boolean) {
    this.#isConnected = yes;
  }

  /** The store was heard of once, now or in an earlier life. */
  get wasThere(): boolean {
    return this.#lastMonotonic !== undefined;
  }

  sawAll(sentMonotonic: number): void {
    this.#lastMonotonic = Math.max(this.#lastMonotonic ?? -Infinity, sentMonotonic);
  }

  get agoMs(): number {
    return this.#lastMonotonic === undefined ? Infinity : this.#clock.monotonicMs() - this.#lastMonotonic;
  }

  /** For how much longer the blocks are ours, whatever happens; below 0: not any more. */
  get ownsForMs(): number {
    return this.#times.takeoverMs * (1 - DRIFT) - this.agoMs * (1 + DRIFT);
  }
}
