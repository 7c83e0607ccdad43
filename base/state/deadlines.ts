import type { Clock, Timer } from "#base/env/clock.ts";

/** The share of its delay by which a deadline may be met late, so that many of them share a timer. */
const LATE = 1 / 2048;

interface Bucket<T> {
  readonly timer: Timer;
  readonly items: Set<T>;
}

/** Deadlines of many items by few timers. */
export class Deadlines<T> {
  readonly #clock: Clock;
  readonly #expire: (item: T) => void;
  readonly #buckets = new Map<number, Bucket<T>>();

  constructor(clock: Clock, expire: (item: T) => void) {
    this.#clock = clock;
    this.#expire = expire;
  }

  /** Returns what removes it again. */
  add(item: T, delayMs: number): number {
    const grainMs = 2 ** Math.max(0, Math.floor(Math.log2(Math.max(1, delayMs * LATE))));
    const nowMs = this.#clock.monotonicMs();
    const at = Math.ceil((nowMs + delayMs) / grainMs) * grainMs;
    const bucket = this.#buckets.get(at) ?? this.#open(at, at - nowMs);
    bucket.items.add(item);
    return at;
  }

  remove(item: T, at: number): void {
    const bucket = this.#buckets.get(at);
    if (bucket?.items.delete(item) !== true || bucket.items.size > 0) return;
    bucket.timer.cancel();
    this.#buckets.delete(at);
  }

  #open(at: number, delayMs: number): Bucket<T> {
    const items = new Set<T>();
    const timer = this.#clock.after(delayMs, () => {
      this.#buckets.delete(at);
      for (const item of items) this.#expire(item);
    });
    const bucket = { timer, items };
    this.#buckets.set(at, bucket);
    return bucket;
  }
}
