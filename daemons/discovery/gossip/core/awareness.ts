/**
 * How much a node must doubt itself, 0 (well) to `max − 1`: it rises when probes fail without good reason or others
 * suspect it, and makes its timeouts longer (Lifeguard, "Local Health Aware Probe").
 */
export class Awareness {
  readonly #max: number;
  #score = 0;

  constructor(max: number) {
    this.#max = max;
  }

  get score(): number {
    return this.#score;
  }

  add(delta: number): void {
    this.#score = Math.min(this.#max - 1, Math.max(0, this.#score + delta));
  }

  scale(ms: number): number {
    return ms * (this.#score + 1);
  }
}
