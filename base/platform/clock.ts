import { readFileSync, watch } from "node:fs";
import type { Clock, Timer } from "#base/env/clock.ts";

/** Longest delay a Node timer takes; longer ones would fire at once. */
const MAX_DELAY_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after(delayMs: number, fire: () => void): Timer {
    const handle = setTimeout(fire, Math.min(Math.max(delayMs, 0), MAX_DELAY_MS));
    handle.unref();
    return { cancel: () => clearTimeout(handle) };
  },
  soon(run: () => void): void {
    setImmediate(run);
  },
};

/** A clock that is off by what a file says, in milliseconds: how a lab sets the clock of one node among others. */
export function skewedClock(path: string): Clock {
  let offsetMs = 0;
  const read = (): void => {
    const found = Number(readFileSync(path, "utf8"));
    if (Number.isSafeInteger(found)) offsetMs = found;
  };
  read();
  watch(path, { persistent: false }, read);
  return { ...systemClock, nowMs: () => Date.now() + offsetMs };
}
