import type { Random } from "#base/env/random.ts";
import { HEIGHT_MIN, ERROR_MAX, distance, isUsable, origin, rawDistance, type Coordinate } from "./coordinate.ts";
import { MAX_COORDINATES } from "./limits.ts";

/** Share of the error taken from one sample (c_e of the paper), and share of the way moved (c_c). */
const CE = 0.25;
const CC = 0.25;
/** Samples the adjustment is the mean of ("Network Coordinates in the Wild", Ledlie et al., section 6). */
const ADJUSTMENT_WINDOW = 20;
/** Samples per peer of which the median counts (the same, section 5). */
const LATENCY_SAMPLES = 3;
/** The pull back to the origin is (distance / ρ)²: keeps the cloud of nodes from drifting away. */
const GRAVITY_RHO = 150;
/** Shorter than anything that is measured. */
const TINY = 1e-6;
const RTT_MAX_S = 10;

/**
 * This node's coordinate, moved by every round trip: "Vivaldi: A Decentralized Network Coordinate System" (Dabek et al.,
 * 2004), algorithm of section 3.4 with the heights of 5.4, and Serf's constants.
 */
export class Vivaldi {
  #own: Coordinate = origin();
  #resets = 0;
  readonly #adjustments: number[] = [];
  #samples = 0;
  readonly #latencies = new Map<string, number[]>();
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  get own(): Coordinate {
    return this.#own;
  }

  /** How often calculation ran off and began anew. */
  get resets(): number {
    return this.#resets;
  }

  /** A round trip to a peer that is at `other`. False: not believed. */
  observe(peer: string, other: Coordinate, rttSeconds: number): boolean {
    if (!isUsable(other) || !(rttSeconds >= 0 && rttSeconds <= RTT_MAX_S)) return false;
    const rtt = Math.max(this.#median(peer, rttSeconds), TINY);
    this.#move(other, rtt);
    this.#adjust(other, rtt);
    this.#fall();
    if (!isUsable(this.#own)) {
      this.#own = origin();
      this.#resets += 1;
    }
    return true;
  }

  forget(peer: string): void {
    this.#latencies.delete(peer);
  }

  #median(peer: string, rtt: number): number {
    if (!this.#latencies.has(peer) && this.#latencies.size >= MAX_COORDINATES) return rtt;
    const samples = [...(this.#latencies.get(peer) ?? []), rtt].slice(-LATENCY_SAMPLES);
    this.#latencies.set(peer, samples);
    return samples.toSorted((a, b) => a - b)[Math.floor(samples.length / 2)] ?? rtt;
  }

  #move(other: Coordinate, rtt: number): void {
    const apart = distance(this.#own, other);
    const wrong = Math.abs(apart - rtt) / rtt;
    const weight = this.#own.Error / Math.max(this.#own.Error + other.Error, TINY);
    const error = Math.min(CE * weight * wrong + this.#own.Error * (1 - CE * weight), ERROR_MAX);
    this.#own = { ...this.#push(other, CC * weight * (rtt - apart)), Error: error };
  }

  #adjust(other: Coordinate, rtt: number): void {
    this.#adjustments[this.#samples % ADJUSTMENT_WINDOW] = rtt - rawDistance(this.#own, other);
    this.#samples += 1;
    const sum = this.#adjustments.reduce((total, each) => total + each, 0);
    this.#own = { ...this.#own, Adjustment: sum / (2 * ADJUSTMENT_WINDOW) };
  }

  #fall(): void {
    const centre = origin();
    const far = distance(centre, this.#own);
    this.#own = this.#push(centre, -1 * (far / GRAVITY_RHO) ** 2);
  }

  /** Away from `other` by `force`, or towards it where that is negative. */
  #push(other: Coordinate, force: number): Coordinate {
    const { Vec, Height } = this.#own;
    const way = Vec.map((each, at) => each - (other.Vec[at] ?? 0));
    const length = Math.hypot(...way);
    const unit = length > TINY ? way.map((each) => each / length) : this.#anyDirection();
    const height = length > TINY ? Math.max(((Height + other.Height) * force) / length + Height, HEIGHT_MIN) : Height;
    return { ...this.#own, Vec: Vec.map((each, at) => each + (unit[at] ?? 0) * force), Height: height };
  }

  /** Two nodes in one place go apart by chance. */
  #anyDirection(): number[] {
    const way = this.#own.Vec.map(() => this.#random.float() - 0.5);
    const length = Math.hypot(...way);
    return length > TINY ? way.map((each) => each / length) : way.map((_, at) => (at === 0 ? 1 : 0));
  }
}
