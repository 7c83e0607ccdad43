import type { Clock } from "#base/env/clock.ts";

export interface Removals {
  /** Ends containers: while any such work runs, removals wait. */
  stopping<T>(work: () => Promise<T>): Promise<T>;
  /** Removes a container, a few at a time, in the order they came. */
  remove(work: () => Promise<void>): Promise<void>;
}

interface Removal {
  readonly sinceMs: number;
  readonly begin: () => void;
}

const AT_ONCE = 4;
/** A task that takes its time to end keeps no others' containers longer than this. */
const PATIENCE_MS = 10_000;

/** An engine that removes containers makes those wait that are to be stopped, so that stops come first. */
export function createRemovals(clock: Clock): Removals {
  const waiting: Removal[] = [];
  let [running, stops] = [0, 0];
  const pump = (): void => {
    for (let next = waiting[0]; next !== undefined && running < AT_ONCE; next = waiting[0]) {
      if (stops > 0 && clock.monotonicMs() - next.sinceMs < PATIENCE_MS) return;
      waiting.shift();
      running += 1;
      next.begin();
    }
  };
  return {
    async stopping(work) {
      stops += 1;
      try {
        return await work();
      } finally {
        stops -= 1;
        pump();
      }
    },
    async remove(work) {
      const late = clock.after(PATIENCE_MS, pump);
      await new Promise<void>((resolve) => {
        waiting.push({ sinceMs: clock.monotonicMs(), begin: resolve });
        pump();
      });
      late.cancel();
      try {
        await work();
      } finally {
        running -= 1;
        pump();
      }
    },
  };
}
