import type { Clock, Timer } from "#base/env/clock.ts";
import { messageOf } from "#base/env/errors.ts";
import type { Log } from "#base/env/log.ts";
import type { Store } from "../store.ts";
import { finishRestore } from "./staged-restore.ts";

/** Whoever began a restoration is done by then, or gone: others may go on with it at any time. */
const OVERDUE_MS = 10_000;

export interface RestoreWatchDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
}

/** Sees to it that a restoration that has begun ends, whoever began it. */
export class RestoreWatch {
  readonly #deps: RestoreWatchDeps;
  #timer: Timer | undefined;
  #isStopped = false;

  constructor(deps: RestoreWatchDeps) {
    this.#deps = deps;
  }

  /** Before the state is read. Rejects with a `StoreError`. */
  async finish(): Promise<void> {
    const { store, log } = this.#deps;
    const done = await finishRestore(store);
    if (done === "finished") log.warn("the restoration of a snapshot that was cut off has been carried through");
    if (done === "taken back")
      log.warn("the restoration of a snapshot was cut off before it began: nothing is changed");
  }

  told(isGoingOn: boolean): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (isGoingOn && !this.#isStopped) this.#timer = this.#deps.clock.after(OVERDUE_MS, () => void this.#goOn());
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  async #goOn(): Promise<void> {
    try {
      await this.finish();
    } catch (thrown) {
      this.#deps.log.error("a snapshot is half restored, and waits for the store", { error: messageOf(thrown) });
    }
    // Told again once it is over.
    if (this.#timer !== undefined) this.told(true);
  }
}
