import type { Clock } from "#base/env/clock.ts";
import { sleep } from "#base/env/clock.ts";

/** How long a call is tried before it fails, by default: an election and a slow disk fit in. */
export const GIVE_UP_MS = 15_000;
/**
 * What a member passed on to a leader that has died is lost without a word, so one learns only by asking again: that must not take
 * much longer than the election.
 */
const ATTEMPT_MS = 500;
/** A cluster that is slow is given this many times what it usually takes. */
const SLOW_FACTOR = 4;
/** An election is over by then; attempts after that may take twice as long each. */
const ELECTION_MS = 4000;
const LONGEST_ATTEMPT_MS = 8000;
/** Bytes that buy an attempt another millisecond. */
const BYTES_PER_MS = 1000;
const FIRST_PAUSE_MS = 10;
const LONGEST_PAUSE_MS = 500;

export interface Attempts {
  readonly clock: Clock;
  readonly giveUpMs: number;
  /** What an answer took of late, at most. Default 0. */
  readonly usualMs?: number;
}

/** The attempts of one call: short while there may be an election, ever longer after that, with ever longer pauses between them. */
export class Patience {
  readonly #clock: Clock;
  readonly #deadline: number;
  readonly #longerFromMs: number;
  readonly #extraMs: number;
  #attemptMs: number;
  #pauseMs = FIRST_PAUSE_MS;

  constructor({ clock, giveUpMs, usualMs = 0 }: Attempts, bytes = 0) {
    this.#clock = clock;
    this.#attemptMs = Math.min(Math.max(ATTEMPT_MS, SLOW_FACTOR * usualMs), LONGEST_ATTEMPT_MS);
    this.#longerFromMs = clock.monotonicMs() + ELECTION_MS;
    this.#extraMs = Math.ceil(bytes / BYTES_PER_MS);
    this.#deadline = clock.monotonicMs() + giveUpMs + this.#extraMs;
  }

  get attemptMs(): number {
    return this.#attemptMs + this.#extraMs;
  }

  /** False: it is over. */
  async pause(): Promise<boolean> {
    if (this.#clock.monotonicMs() >= this.#deadline) return false;
    await sleep(this.#clock, this.#pauseMs);
    this.#pauseMs = Math.min(this.#pauseMs * 2, LONGEST_PAUSE_MS);
    if (this.#clock.monotonicMs() >= this.#longerFromMs)
      this.#attemptMs = Math.min(this.#attemptMs * 2, LONGEST_ATTEMPT_MS);
    return true;
  }
}
