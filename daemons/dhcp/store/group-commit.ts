/** What is written in one go. */
const MAX_GROUP = 2048;

interface Waiting<T, R> {
  readonly item: T;
  readonly settle: (result: R) => void;
}

/** Items that come while a write is under way are written together after it: one sync for many. */
export class GroupCommit<T, R> {
  readonly #write: (items: readonly T[]) => Promise<readonly R[]>;
  readonly #limit: number;
  readonly #refused: R;
  #waiting: Waiting<T, R>[] = [];
  #running: Promise<void> | undefined;

  /** `write` answers one result an item and never rejects; an item past `limit` is answered with `refused` at once. */
  constructor(options: {
    readonly write: (items: readonly T[]) => Promise<readonly R[]>;
    readonly limit: number;
    readonly refused: R;
  }) {
    this.#write = options.write;
    this.#limit = options.limit;
    this.#refused = options.refused;
  }

  add(item: T): Promise<R> {
    if (this.#waiting.length >= this.#limit) return Promise.resolve(this.#refused);
    return new Promise((settle) => {
      this.#waiting.push({ item, settle });
      this.#running ??= this.#run();
    });
  }

  /** Resolves when nothing waits. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  async #run(): Promise<void> {
    // What else arrived in this turn goes along.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const group = this.#waiting.slice(0, MAX_GROUP);
      this.#waiting = this.#waiting.slice(MAX_GROUP);
      const results = await this.#write(group.map(({ item }) => item));
      group.forEach(({ settle }, i) => settle(results[i] ?? this.#refused));
    }
    this.#running = undefined;
  }
}
