/** A pending timer; `cancel` is idempotent and safe after the timer fired. */
export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Wall clock, milliseconds since the Unix epoch. May step in either direction. */
  nowMs(): number;
  /** Never goes backwards; only differences mean anything. Milliseconds, fractional. */
  monotonicMs(): number;
  /** Calls `fire` once after `delayMs` (clamped to 0 … 2^31-1). A pending timer does not keep the process alive. */
  after(delayMs: number, fire: () => void): Timer;
  /** Calls `run` in a turn of its own as soon as queued I/O was served: how long work yields between slices. */
  soon(run: () => void): void;
}

/** Resolves after `delayMs`, or early (still resolving) when `signal` aborts. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted === true) return Promise.resolve();
  return new Promise((resolve) => {
    const wake = (): void => {
      timer.cancel();
      signal?.removeEventListener("abort", wake);
      resolve();
    };
    const timer = clock.after(delayMs, wake);
    signal?.addEventListener("abort", wake, { once: true });
  });
}

/** Nanoseconds since the epoch as APIs carry them. A double holds them to 256 ns, which is finer than any clock read here. */
export function nowNs(clock: Clock): number {
  return Math.round(clock.nowMs() * 1e6);
}
