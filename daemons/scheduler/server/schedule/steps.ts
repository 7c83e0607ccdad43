import type { Clock } from "#base/env/clock.ts";

/** A computation that can be interrupted wherever it yields. */
export type Steps<T> = Generator<void, T, void>;

/** Longest turn of a computation in slices, in milliseconds: others are served in between. */
const SLICE_MS = 6;
/** Items of a loop that are looked at before it yields. */
export const STRIDE = 250;

export function atOnce<T>(steps: Steps<T>): T {
  for (;;) {
    const next = steps.next();
    if (next.done === true) return next.value;
  }
}

/** Runs it a slice a turn; `between` is called before each further slice, with the world as it has become. */
export async function inSlices<T>(steps: Steps<T>, clock: Clock, between: () => void = () => {}): Promise<T> {
  for (;;) {
    const began = clock.monotonicMs();
    do {
      const next = steps.next();
      if (next.done === true) return next.value;
    } while (clock.monotonicMs() - began < SLICE_MS);
    await nextTurn(clock);
    between();
  }
}

export function nextTurn(clock: Clock): Promise<void> {
  return new Promise((resolve) => clock.soon(resolve));
}
