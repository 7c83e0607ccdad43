import type { Random } from "#base/env/random.ts";

const FIRST_MS = 250;
const LONGEST_MS = 15_000;

/** Pause before try number `failures` (from 1): doubles up to 15 s, give or take a half so that nodes do not come back in step. */
export function backoffMs(failures: number, random: Random): number {
  return Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(failures - 1, 10)) * (0.5 + random.float());
}
