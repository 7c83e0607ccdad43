import type { Prng } from "../prng.ts";

/** What befalls packets. Probabilities are per packet, delays one way in milliseconds. */
export interface GossipNetOptions {
  /** Default 0. */
  readonly loss?: number;
  /** Default 0.2 to 2. */
  readonly delayMs?: readonly [low: number, high: number];
  readonly duplicate?: number;
}

/** Decides what arrives, and when. */
export class GossipNet {
  loss: number;
  delayMs: readonly [number, number];
  duplicate: number;
  readonly #random: Prng;
  readonly #blocked = new Set<string>();

  constructor(random: Prng, { loss = 0, delayMs = [0.2, 2], duplicate = 0 }: GossipNetOptions) {
    this.#random = random;
    this.loss = loss;
    this.delayMs = delayMs;
    this.duplicate = duplicate;
  }

  /** From now on nothing gets from one machine to the other; the way back stays open. */
  block(from: number, to: number): void {
    this.#blocked.add(`${from}>${to}`);
  }

  heal(): void {
    this.#blocked.clear();
    this.loss = 0;
    this.duplicate = 0;
  }

  passes(from: number, to: number): boolean {
    return this.#blocked.size === 0 || !this.#blocked.has(`${from}>${to}`);
  }

  /** Whether anything stands between two machines, in either direction. */
  open(a: number, b: number): boolean {
    return this.passes(a, b) && this.passes(b, a);
  }

  /** Delays of the copies that arrive of one datagram. */
  fates(from: number, to: number): readonly number[] {
    if (!this.passes(from, to) || (this.loss > 0 && this.#random.chance(this.loss))) return [];
    const once = this.delay();
    return this.duplicate > 0 && this.#random.chance(this.duplicate) ? [once, this.delay()] : [once];
  }

  delay(): number {
    return this.#random.between(this.delayMs[0], this.delayMs[1]);
  }

  /** Of a piece of a stream: what is lost is sent again, which takes time. */
  streamDelay(): number {
    let delay = this.delay();
    while (this.loss > 0 && this.#random.chance(this.loss) && delay < 10_000) delay += 200;
    return delay;
  }
}
