import type { Clock, Timer } from "#base/env/clock.ts";
import { messageOf } from "#base/env/errors.ts";
import type { Log } from "#base/env/log.ts";
import { HISTORY_REVISIONS, type Store } from "#base/state/store.ts";

/** How often the leader looks; it compacts when there is twice the history that is kept. */
const LOOK_EVERY_MS = 30_000;

/** Lets the leader forget what was superseded long ago. An idle cluster writes nothing for it. */
export class HistoryKeeper {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #log: Log;
  #timer: Timer | undefined;

  constructor(store: Store, { clock, log }: { readonly clock: Clock; readonly log: Log }) {
    this.#store = store;
    this.#clock = clock;
    this.#log = log;
  }

  startLeading(): void {
    this.#timer = this.#clock.after(LOOK_EVERY_MS, () => {
      void this.#look().finally(() => {
        if (this.#timer !== undefined) this.startLeading();
      });
    });
  }

  stopLeading(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  async #look(): Promise<void> {
    const { revision, compactedRevision } = this.#store.status();
    if (revision - compactedRevision < 2 * HISTORY_REVISIONS) return;
    try {
      await this.#store.compact(revision - HISTORY_REVISIONS);
    } catch (thrown) {
      this.#log.warn("the history could not be compacted; trying again later", { error: messageOf(thrown) });
    }
  }
}
