import type { Consistency, Freshness } from "#base/http/consistency.ts";
import { HttpError } from "#base/http/http-error.ts";
import { InTouch, type InTouchDeps } from "#base/state/leadership/in-touch.ts";
import { StoreError } from "#base/state/store.ts";

/** A leader that was heard of longer ago is not known. */
const KNOWN_MS = 5000;

export interface FreshReadsDeps extends InTouchDeps {
  readonly hasLeader: () => boolean;
}

/** Reads on any of several servers: one that may not be stale waits until the view has all that was written before it was asked. */
export class FreshReads implements Consistency {
  readonly #touch: InTouch;
  readonly #hasLeader: () => boolean;

  constructor({ hasLeader, ...deps }: FreshReadsDeps) {
    this.#touch = new InTouch(deps);
    this.#hasLeader = hasLeader;
  }

  start(): void {
    this.#touch.start();
  }

  stop(): void {
    this.#touch.stop();
  }

  async barrier(): Promise<void> {
    try {
      await this.#touch.refresh();
    } catch (thrown) {
      if (thrown instanceof StoreError && thrown.code === "unavailable") throw new HttpError(500, "No cluster leader");
      throw thrown;
    }
  }

  freshness(): Freshness {
    const lastContactMs = this.#touch.ageMs;
    return { knownLeader: this.#hasLeader() && lastContactMs < KNOWN_MS, lastContactMs };
  }
}
