import type { Clock } from "#base/env/clock.ts";

interface Due {
  readonly atMs: number;
  readonly fire: () => void;
}

/** A clock that stands still until `advance` moves it, firing what is due on the way. */
export class FakeClock implements Clock {
  #nowMs = 0;
  #due: Due[] = [];

  nowMs(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, fire: () => void): { cancel(): void } {
    const due = { atMs: this.#nowMs + delayMs, fire };
    this.#due.push(due);
    return { cancel: () => void (this.#due = this.#due.filter((other) => other !== due)) };
  }

  soon(run: () => void): void {
    setImmediate(run);
  }

  /** When the timers that are set will fire. */
  get pendingMs(): readonly number[] {
    return this.#due.map(({ atMs }) => atMs - this.#nowMs);
  }

  advance(byMs: number): void {
    const untilMs = this.#nowMs + byMs;
    for (;;) {
      const next = this.#due.filter(({ atMs }) => atMs <= untilMs).toSorted((a, b) => a.atMs - b.atMs)[0];
      if (next === undefined) break;
      this.#due = this.#due.filter((other) => other !== next);
      this.#nowMs = next.atMs;
      next.fire();
    }
    this.#nowMs = untilMs;
  }
}
