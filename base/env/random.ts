/** The only source of chance. In production every draw comes from the operating system's generator. */
export interface Random {
  /** Uniform in [0, 1). */
  float(): number;
  bytes(length: number): Uint8Array;
  /** RFC 9562 version 4, lower case. */
  uuid(): string;
}

/** Uniform integer in [0, bound). `bound` is at least 1. */
export function randomInt(random: Random, bound: number): number {
  return Math.floor(random.float() * bound);
}

/** Fisher-Yates, in place. Returns its argument. */
export function shuffle<T>(random: Random, items: T[]): T[] {
  for (let i = items.length - 1; i > 0; i--) {
    const j = randomInt(random, i + 1);
    const a = items[i];
    const b = items[j];
    if (a !== undefined && b !== undefined) {
      items[i] = b;
      items[j] = a;
    }
  }
  return items;
}
