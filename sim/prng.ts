import type { Random } from "#base/env/random.ts";

/**
 * sfc32, the 32-bit "small fast counting" generator of PractRand (Chris Doty-Humphrey, http://pracrand.sourceforge.net/),
 * with 128 bits of state, mixed by a dozen rounds after seeding as its author does.
 */
export class Prng implements Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(seed: number, stream = 0) {
    this.#a = seed | 0;
    this.#b = Math.floor(seed / 2 ** 32) | 0;
    this.#c = stream | 0;
    for (let i = 0; i < 12; i++) this.next();
  }

  /** 32 random bits. */
  next(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }

  /** A generator of its own, so that one part drawing more does not change what another draws. */
  fork(): Prng {
    return new Prng(this.next() + (this.next() & 0xfffff) * 2 ** 32, this.next());
  }

  float(): number {
    return ((this.next() >>> 5) * 2 ** 26 + (this.next() >>> 6)) / 2 ** 53;
  }

  /** Uniform in [low, high). */
  between(low: number, high: number): number {
    return low + this.float() * (high - low);
  }

  chance(probability: number): boolean {
    return this.float() < probability;
  }

  /** Time to the next event of a Poisson process with this mean distance. */
  exponential(mean: number): number {
    return -Math.log(1 - this.float()) * mean;
  }

  pick<T>(items: readonly T[]): T | undefined {
    return items[Math.floor(this.float() * items.length)];
  }

  bytes(length: number): Uint8Array {
    const made = new Uint8Array(length);
    for (let i = 0; i < length; i++) made[i] = this.next() & 0xff;
    return made;
  }

  uuid(): string {
    const bytes = this.bytes(16);
    bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
    bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
    const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
  }
}
