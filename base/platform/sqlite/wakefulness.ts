/** Longest wait for an answer without sleep: a small commit on a fast disk. */
const AWAKE_MS = 0.3;
/** So often the thread sleeps at once after it stayed awake for nothing: on a slow disk, a busy machine, large commits. */
const SLEEPS_AFTER_MISS = 64;

/**
 * Keeps this thread's event loop turning while an answer is about to come: on a fast disk, waking a thread takes half as
 * long as the commit it waited for.
 */
export class Wakefulness {
  readonly #waits: () => boolean;
  #until = 0;
  #turning = false;
  #sleeps = 0;

  /** @param waits whether an answer is still to come */
  constructor(waits: () => boolean) {
    this.#waits = waits;
  }

  /** Something was asked for. */
  begin(): void {
    if (this.#sleeps > 0) {
      this.#sleeps -= 1;
      return;
    }
    this.#until = performance.now() + AWAKE_MS;
    if (!this.#turning) setImmediate(() => this.#turn());
    this.#turning = true;
  }

  #turn(): void {
    this.#turning = this.#waits() && performance.now() < this.#until;
    if (this.#turning) setImmediate(() => this.#turn());
    else if (this.#waits()) this.#sleeps = SLEEPS_AFTER_MISS;
  }
}
