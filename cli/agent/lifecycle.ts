import { messageOf } from "#base/env/errors.ts";
import type { Log } from "#base/env/log.ts";

interface Part {
  readonly name: string;
  readonly stop: () => Promise<void> | void;
}

/** What was started, in order; stopped in reverse, each part even when one before it failed to stop. */
export class Lifecycle {
  readonly #log: Log;
  readonly #parts: Part[] = [];

  constructor(log: Log) {
    this.#log = log;
  }

  add(name: string, stop: Part["stop"]): void {
    this.#parts.push({ name, stop });
  }

  async stop(): Promise<void> {
    for (const part of this.#parts.splice(0).toReversed()) {
      try {
        await part.stop();
      } catch (error) {
        this.#log.error(`cannot stop ${part.name} cleanly`, { error: messageOf(error) });
      }
    }
  }
}
