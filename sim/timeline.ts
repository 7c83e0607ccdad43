import { assert } from "#base/env/assert.ts";
import { EventHeap } from "./event-heap.ts";
import type { EventOwner, WorldEvent } from "./event-heap.ts";
import { Prng } from "./prng.ts";
import { Violation } from "./checker.ts";
import type { Checker } from "./checker.ts";
import { Trace } from "./trace.ts";

export interface TimelineOptions {
  readonly seed: number;
  /**
   * Resolves when no promise job is left to run. `setImmediate` does it: a macrotask starts only when the queue of
   * microtasks is empty, however long the chains of awaits in it are; counting awaits would guess.
   */
  readonly turn: () => Promise<void>;
  readonly onLine?: (line: string) => void;
}

/** The wall clocks start here: 2026-01-01T00:00:00Z. */
const EPOCH_MS = 1_767_225_600_000;
/** A timeline that delivers more at one instant is in a loop that time does not end. */
const MAX_EVENTS_AT_ONE_TIME = 200_000;

/** One heap of events ordered by time. Nothing happens but by an event of the heap. */
export class Timeline {
  readonly seed: number;
  readonly random: Prng;
  readonly trace: Trace;
  readonly #heap = new EventHeap();
  readonly #turn: () => Promise<void>;
  readonly #checkers: Checker[] = [];
  #timeMs = 0;
  #sequence = 0;
  #atThisTime = 0;

  constructor(options: TimelineOptions) {
    this.seed = options.seed;
    this.random = new Prng(options.seed);
    this.trace = new Trace(options.onLine);
    this.#turn = options.turn;
  }

  /** Milliseconds since the world began. */
  get timeMs(): number {
    return this.#timeMs;
  }

  get epochMs(): number {
    return EPOCH_MS + this.#timeMs;
  }

  /** Asked after every event; what one of them finds ends the run. */
  addCheckers(...checkers: readonly Checker[]): void {
    this.#checkers.push(...checkers);
  }

  schedule(delayMs: number, event: Omit<WorldEvent, "timeMs" | "sequence" | "cancelled">): WorldEvent {
    const made = { ...event, timeMs: this.#timeMs + Math.max(0, delayMs), sequence: this.#sequence, cancelled: false };
    this.#sequence += 1;
    this.#heap.push(made);
    return made;
  }

  /** An event that is nobody's: faults, and what a scenario wants to happen. */
  at(delayMs: number, label: string, fire: () => void): WorldEvent {
    return this.schedule(delayMs, { label, owner: undefined, fire });
  }

  /** Delivers everything due within `durationMs`. */
  async advance(durationMs: number): Promise<void> {
    const untilMs = this.#timeMs + durationMs;
    // What the caller just set going may still be on its way to its first event.
    await this.#turn();
    for (;;) {
      const next = this.#heap.peek();
      if (next === undefined || next.timeMs > untilMs) break;
      this.#heap.pop();
      await this.#deliver(next);
    }
    this.#timeMs = untilMs;
  }

  /** Advances in steps until `holds`, at most `deadlineMs`; whether it came to hold. */
  async advanceUntil(holds: () => boolean, deadlineMs: number): Promise<boolean> {
    const untilMs = this.#timeMs + deadlineMs;
    while (this.#timeMs < untilMs) {
      if (holds()) return true;
      await this.advance(Math.min(100, untilMs - this.#timeMs));
    }
    return holds();
  }

  /** Advances until `work` settled; fails the scenario when that takes longer than `deadlineMs`. */
  async complete<T>(work: Promise<T>, deadlineMs: number): Promise<T> {
    let settled = false;
    void work
      .catch(() => {})
      .finally(() => {
        settled = true;
      });
    const inTime = await this.advanceUntil(() => settled, deadlineMs);
    assert(inTime, `seed ${this.seed}: nothing came of it within ${deadlineMs} ms of the world's time`);
    return work;
  }

  async #deliver(event: WorldEvent): Promise<void> {
    const { owner } = event;
    if (event.cancelled || owner?.alive === false) return;
    if (owner?.paused === true) {
      owner.postpone(event);
      return;
    }
    this.#atThisTime = event.timeMs > this.#timeMs ? 0 : this.#atThisTime + 1;
    assert(this.#atThisTime < MAX_EVENTS_AT_ONE_TIME, `seed ${this.seed}: time stands still at ${event.label}`);
    this.#timeMs = Math.max(this.#timeMs, event.timeMs);
    this.trace.add(`${this.#timeMs.toFixed(3)} ${nameOf(owner)} ${event.label}`);
    event.fire();
    await this.#turn();
    for (const checker of this.#checkers) {
      const violation = checker.check();
      if (violation !== undefined) throw new Violation(checker.name, `seed ${this.seed}: ${violation}`);
    }
  }
}

function nameOf(owner: EventOwner | undefined): string {
  return owner?.name ?? "world";
}
