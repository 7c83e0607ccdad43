import type { Clock } from "#base/env/clock.ts";
import type { Random } from "#base/env/random.ts";

/** Every pause at its full length. */
export const longest: Random = { float: () => 1, bytes: (length) => new Uint8Array(length), uuid: () => "" };

/** A clock whose timers fire when the test says so. */
export class HandClock implements Clock {
  #now = 0;
  #timers: { at: number; fire: () => void }[] = [];
  nowMs = (): number => this.#now;
  monotonicMs = (): number => this.#now;
  soon = (run: () => void): void => queueMicrotask(run);
  after(delayMs: number, fire: () => void) {
    const timer = { at: this.#now + delayMs, fire };
    this.#timers.push(timer);
    return { cancel: () => void (this.#timers = this.#timers.filter((other) => other !== timer)) };
  }
  advance(ms: number): void {
    const until = this.#now + ms;
    for (;;) {
      const next = this.#timers.filter((timer) => timer.at <= until).toSorted((a, b) => a.at - b.at)[0];
      if (next === undefined) break;
      this.#timers = this.#timers.filter((timer) => timer !== next);
      this.#now = next.at;
      next.fire();
    }
    this.#now = until;
  }
}

export const turns = async (): Promise<void> => {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
};
