import type { Clock } from "#base/env/clock.ts";

/** The wall clock may be this far off before it counts as having been set. */
const STEP_MS = 5000;
/** Before this nobody ran this program: a clock that says so was never set (2025-01-01). */
const SANE_MS = 1_735_689_600_000;

/**
 * The time leases are counted in. It is the wall's, but never runs backwards and never jumps by itself: machines without
 * a battery start in 1970, and a lease must neither end early nor last for decades because of it.
 */
export class LeaseClock {
  readonly #clock: Clock;
  #anchorMs: number;
  #anchorMonotonic: number;
  #heardMs = 0;

  /** `newestMs`: the latest time anything stored was stamped with; time cannot be before it. */
  constructor(clock: Clock, newestMs: number) {
    this.#clock = clock;
    this.#anchorMs = Math.max(clock.nowMs(), newestMs);
    this.#anchorMonotonic = clock.monotonicMs();
  }

  nowMs(): number {
    return Math.floor(this.#anchorMs + this.#clock.monotonicMs() - this.#anchorMonotonic);
  }

  /** By how much time jumped ahead since the last look, because the clock was set; 0 mostly. A clock set back is ignored. */
  adjust(): number {
    return this.#advanceTo(Math.max(this.#clock.nowMs(), this.#heardMs));
  }

  /** Somebody else's stamp: time is at least that, from the next look on. */
  learn(stampMs: number): void {
    this.#heardMs = Math.max(this.#heardMs, stampMs);
  }

  #advanceTo(wallMs: number): number {
    const now = this.nowMs();
    const step = wallMs - now;
    if (step <= STEP_MS) return 0;
    this.#anchorMs = wallMs;
    this.#anchorMonotonic = this.#clock.monotonicMs();
    return Math.floor(wallMs - now);
  }
}

/** Stamps of a clock that was never set, seen by one that was: the lease is taken to begin now. */
export function saneTimes<T extends { readonly startMs: number; readonly endMs: number }>(lease: T, nowMs: number): T {
  if (lease.startMs >= SANE_MS || nowMs < SANE_MS) return lease;
  return { ...lease, startMs: nowMs, endMs: Math.min(Number.MAX_SAFE_INTEGER, nowMs + lease.endMs - lease.startMs) };
}
