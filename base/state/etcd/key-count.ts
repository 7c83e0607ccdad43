import type { Clock } from "#base/env/clock.ts";
import type { EtcdApi } from "./api.ts";
import { shown } from "./hidden.ts";
import type { OpResult } from "../store.ts";

/** What others write changes the count unheard: it is taken anew this long after it was last asked for. */
const REFRESH_MS = 10_000;
const ATTEMPT_MS = 5000;

/** How many keys there are and how large the database is: counted now and then, and carried on by what this writer does. */
export class KeyCount {
  readonly #api: EtcdApi;
  readonly #clock: Clock;
  #keys = 0;
  #bytes = 0;
  #countedMs = 0;
  #counting: Promise<void> | undefined;
  /** This writer's changes since a count began. */
  #since: { readonly revision: number; readonly by: number }[] = [];

  constructor(api: EtcdApi, clock: Clock) {
    this.#api = api;
    this.#clock = clock;
  }

  /** Rejects with an `EtcdError`. */
  async count(attemptMs = ATTEMPT_MS): Promise<void> {
    this.#since = [];
    const { revision, count } = await this.#api.range({ span: shown(""), countOnly: true }, attemptMs);
    this.#bytes = await this.#api.size(attemptMs);
    this.#keys = count;
    for (const change of this.#since) if (change.revision > revision) this.#keys += change.by;
    this.#countedMs = this.#clock.monotonicMs();
  }

  /** What a transaction at `revision` answered. */
  heard(responses: readonly OpResult[], revision: number): void {
    let by = 0;
    for (const response of responses) {
      if (response.op === "put") by += response.record.version === 1 ? 1 : 0;
      else if (response.op !== "get") by -= response.deleted;
    }
    this.#keys += by;
    if (this.#counting !== undefined) this.#since.push({ revision, by });
  }

  read(): { readonly keys: number; readonly bytes: number } {
    if (this.#counting === undefined && this.#clock.monotonicMs() - this.#countedMs > REFRESH_MS) {
      this.#countedMs = this.#clock.monotonicMs();
      // What could not be counted is counted the next time.
      this.#counting = this.count()
        .catch(() => {})
        .finally(() => (this.#counting = undefined));
    }
    return { keys: this.#keys, bytes: this.#bytes };
  }
}
