import type { Clock, Timer } from "#base/env/clock.ts";
import type { Store } from "../store.ts";
import type { View } from "../table.ts";
import { LEADER_KEY } from "./leader-record.ts";

/** How often a server that is asked nothing makes sure that it is in touch with the others. */
const CONTACT_EVERY_MS = 1000;

export interface InTouchDeps {
  readonly store: Pick<Store, "range">;
  readonly view: Pick<View, "reached">;
  readonly clock: Clock;
}

/**
 * Until when this server surely knew all that was written. A majority is asked what the newest revision is, and the view has to have it;
 * questions that come while one is on its way share the next.
 */
export class InTouch {
  readonly #deps: InTouchDeps;
  #next: Promise<void> | undefined;
  #asking: Promise<void> = Promise.resolve();
  /** Before the first answer nothing is known but that the view was read after this program began. */
  #contactMs = 0;
  #timer: Timer | undefined;

  constructor(deps: InTouchDeps) {
    this.#deps = deps;
  }

  start(): void {
    this.#look(0);
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** So old is what the view shows, at most, in milliseconds. */
  get ageMs(): number {
    return Math.max(0, Math.ceil(this.#deps.clock.monotonicMs() - this.#contactMs));
  }

  /** Resolves once the view has all that was written before the call. Rejects with a `StoreError`. */
  refresh(): Promise<void> {
    // One that is already on its way may have been answered before this was asked.
    this.#next ??= this.#asking
      .catch(() => {})
      .then(() => {
        this.#next = undefined;
        this.#asking = this.#ask();
        return this.#asking;
      });
    return this.#next;
  }

  #look(afterMs: number): void {
    this.#timer = this.#deps.clock.after(afterMs, () => {
      void this.refresh()
        .catch(() => {})
        .finally(() => {
          if (this.#timer !== undefined) this.#look(CONTACT_EVERY_MS);
        });
    });
  }

  async #ask(): Promise<void> {
    const { store, view, clock } = this.#deps;
    const askedMs = clock.monotonicMs();
    const { revision } = await store.range({ prefix: LEADER_KEY, limit: 1 });
    await view.reached(revision);
    this.#contactMs = askedMs;
  }
}
