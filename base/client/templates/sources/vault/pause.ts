import { sleep, type Clock } from "#base/env/clock.ts";

/** A timer holds no more. */
const LONGEST_MS = 2 ** 31 - 1;

/** Sleeps, however long; returns early when the signal aborts. */
export async function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  const end = clock.monotonicMs() + ms;
  for (let left = ms; left > 0 && !signal.aborted; left = end - clock.monotonicMs()) {
    await sleep(clock, Math.min(left, LONGEST_MS), signal);
  }
}
