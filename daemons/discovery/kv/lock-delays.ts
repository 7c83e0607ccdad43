import type { Clock } from "#base/env/clock.ts";

/** Keys that wait at once; the one that waited longest gives way. */
const MAX_DELAYS = 10_000;

/** Keys whose holder was invalidated a moment ago: whoever held them may not know yet that it lost them. */
export class LockDelays {
  readonly #clock: Clock;
  /** Key → monotonic time it is free again. */
  readonly #until = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  delay(key: string, delayMs: number): void {
    if (delayMs <= 0) return;
    this.#until.delete(key);
    this.#until.set(key, this.#clock.monotonicMs() + delayMs);
    for (const [oldest, untilMs] of this.#until) {
      if (this.#until.size <= MAX_DELAYS && untilMs > this.#clock.monotonicMs()) break;
      this.#until.delete(oldest);
    }
  }

  isDelayed(key: string): boolean {
    const untilMs = this.#until.get(key);
    if (untilMs === undefined) return false;
    if (untilMs > this.#clock.monotonicMs()) return true;
    this.#until.delete(key);
    return false;
  }
}
