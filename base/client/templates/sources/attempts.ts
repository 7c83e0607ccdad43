import { pauseAfter, type RetryPolicy } from "../engine/retry.ts";

/** Counts failures in a row. */
export class Attempts {
  readonly #policy: RetryPolicy;
  #failures = 0;

  constructor(policy: RetryPolicy) {
    this.#policy = policy;
  }

  /** How long to wait before the next attempt; undefined: there is none. */
  failed(): number | undefined {
    this.#failures++;
    return pauseAfter(this.#failures, this.#policy);
  }

  succeeded(): void {
    this.#failures = 0;
  }
}
