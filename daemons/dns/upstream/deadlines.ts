import type { Clock } from "#base/env/clock.ts";

const STEP_MS = 50;
/** Six seconds; what is due later goes round more than once. */
const STEPS = 128;

/** Something that is due at a time. At most one time at once; it stands in a list of all that are due in the same step. */
export abstract class Deadline {
  dueMs = 0;
  /** Of {@link Deadlines} alone. */
  step = -1;
  before: Deadline | undefined;
  after: Deadline | undefined;

  /** Called once the time is over, up to a step later. */
  abstract onDue(nowMs: number): void;
}

/**
 * Thousands of deadlines that hardly ever come, at the price of one timer: a wheel of steps (Varghese and Lauck, "Hashed and
 * Hierarchical Timing Wheels", 1987). The timer runs only while something waits.
 */
export class Deadlines {
  readonly #clock: Pick<Clock, "after" | "monotonicMs">;
  readonly #steps = new Array<Deadline | undefined>(STEPS).fill(undefined);
  #count = 0;
  #isTicking = false;
  /** The last step that was looked at. */
  #at = 0;

  constructor(clock: Pick<Clock, "after" | "monotonicMs">) {
    this.#clock = clock;
  }

  set(deadline: Deadline, dueMs: number): void {
    this.cancel(deadline);
    deadline.dueMs = dueMs;
    if (this.#count === 0) this.#at = Math.floor(this.#clock.monotonicMs() / STEP_MS);
    // The step after: what is looked at is over.
    const step = Math.max(Math.floor(dueMs / STEP_MS) + 1, this.#at + 1) % STEPS;
    const first = this.#steps[step];
    deadline.step = step;
    deadline.before = undefined;
    deadline.after = first;
    if (first !== undefined) first.before = deadline;
    this.#steps[step] = deadline;
    this.#count += 1;
    if (!this.#isTicking) this.#tick();
  }

  cancel(deadline: Deadline): void {
    const { step, before, after } = deadline;
    if (step < 0) return;
    if (before === undefined) this.#steps[step] = after;
    else before.after = after;
    if (after !== undefined) after.before = before;
    deadline.step = -1;
    deadline.before = deadline.after = undefined;
    this.#count -= 1;
  }

  #tick(): void {
    this.#isTicking = true;
    this.#clock.after(STEP_MS, () => {
      this.#isTicking = false;
      this.#look();
      if (this.#count > 0 && !this.#isTicking) this.#tick();
    });
  }

  #look(): void {
    const nowMs = this.#clock.monotonicMs();
    const now = Math.floor(nowMs / STEP_MS);
    // After a long sleep once round is enough.
    const from = Math.max(this.#at + 1, now - STEPS + 1);
    this.#at = now;
    const due: Deadline[] = [];
    for (let step = from; step <= now; step++)
      for (let each = this.#steps[step % STEPS]; each !== undefined; each = each.after)
        if (each.dueMs <= nowMs) due.push(each);
    // One of them may call off another.
    for (const each of due) {
      if (each.step < 0 || each.dueMs > nowMs) continue;
      this.cancel(each);
      each.onDue(nowMs);
    }
  }
}
