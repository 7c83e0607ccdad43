import { randomBytes, randomFillSync, randomUUID } from "node:crypto";
import type { Random } from "#base/env/random.ts";

/** Draws of 64 bits taken from the system at once: a system call per draw would cost more than the draw. */
const POOL_DRAWS = 64;

export function createSystemRandom(): Random {
  const pool = new Uint32Array(POOL_DRAWS * 2);
  let next = pool.length;
  const word = (): number => {
    if (next >= pool.length) {
      randomFillSync(pool);
      next = 0;
    }
    const value = pool[next] ?? 0;
    next += 1;
    return value;
  };
  return {
    // 53 random bits over 2^53: every representable multiple is equally likely.
    float: () => ((word() >>> 5) * 2 ** 26 + (word() >>> 6)) / 2 ** 53,
    bytes: (length) => new Uint8Array(randomBytes(length)),
    uuid: () => randomUUID(),
  };
}
