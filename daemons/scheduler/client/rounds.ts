import type { Timer } from "#base/env/clock.ts";
import type { Env } from "#base/env/env.ts";
import { messageOf } from "#base/env/errors.ts";

/** What is done again and again while the client runs, each with a pause between its end and its next beginning. */
export class Rounds {
  readonly #env: Env;
  readonly #timers = new Map<string, Timer>();
  #closed = false;

  constructor(env: Env) {
    this.#env = env;
  }

  /** First after a pause. What it throws is logged. */
  every(name: string, pauseMs: () => number, work: () => Promise<void>): void {
    const again = (): void => {
      if (!this.#closed) this.#timers.set(name, this.#env.clock.after(pauseMs(), run));
    };
    const run = (): void => {
      void work()
        .catch((thrown: unknown) => this.#env.log.warn(`cannot ask the ${name}`, { error: messageOf(thrown) }))
        .then(again);
    };
    again();
  }

  /** Once after a while, however often it is wanted until then. */
  soon(name: string, delayMs: number, work: () => Promise<void>): void {
    if (this.#timers.has(name) || this.#closed) return;
    const run = (): void => {
      this.#timers.delete(name);
      void work();
    };
    this.#timers.set(name, this.#env.clock.after(delayMs, run));
  }

  close(): void {
    this.#closed = true;
    for (const timer of this.#timers.values()) timer.cancel();
  }
}
