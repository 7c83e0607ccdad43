import { setTimeout as delay } from "node:timers/promises";

/** A server that says nothing for so long is left for the next. */
const PATIENCE_MS = 5000;

/** Writes one key after the other all the time, again where it was not acknowledged, and watches the index of what it reads. */
export class SteadyWriter {
  /** Empty: it never did. */
  indexFell = "";
  longestPauseMs = 0;
  /** What went wrong, by key: each was written after all. */
  readonly failures: string[] = [];
  readonly #prefix: string;
  readonly #consul: readonly string[];
  readonly #acknowledged = new Map<string, string>();
  #isOver = false;
  readonly #work: Promise<void>;

  /** Through one server after the other, as the list is at the time. */
  constructor(consul: readonly string[], prefix = "steady") {
    this.#prefix = prefix;
    this.#consul = consul;
    this.#work = this.#run();
  }

  get count(): number {
    return this.#acknowledged.size;
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#work;
  }

  /** Everything that was acknowledged by now is there. */
  async verify(consul: string, same: (actual: unknown, expected: unknown) => void): Promise<void> {
    const expected = new Map(this.#acknowledged);
    const answer = await fetch(`${consul}/v1/kv/${this.#prefix}/?recurse`);
    const entries: { Key: string; Value: string }[] = JSON.parse(await answer.text());
    const found = new Map(entries.map(({ Key, Value }) => [Key, Buffer.from(Value, "base64").toString()]));
    const missing = [...expected].filter(([key, value]) => found.get(key) !== value);
    same(missing, []);
  }

  async #run(): Promise<void> {
    let index = 0;
    let lastMs = performance.now();
    for (let n = 0, turn = 0; !this.#isOver; turn++) {
      const key = `${this.#prefix}/${n}`;
      const consul = this.#consul[turn % this.#consul.length];
      const signal = AbortSignal.timeout(PATIENCE_MS);
      try {
        const put = await fetch(`${consul}/v1/kv/${key}`, { method: "PUT", body: `${n}`, signal });
        const text = await put.text();
        if (put.status !== 200 || text !== "true") throw new Error(`${put.status} ${text}`);
        this.#acknowledged.set(key, `${n}`);
        const read = await fetch(`${consul}/v1/kv/${key}`, { signal });
        const now = Number(read.headers.get("x-consul-index"));
        await read.text();
        if (read.status === 200 && now < index) this.indexFell = `from ${index} to ${now}`;
        index = Math.max(index, now);
        this.longestPauseMs = Math.max(this.longestPauseMs, performance.now() - lastMs);
        lastMs = performance.now();
        n += 1;
        await delay(5);
      } catch (thrown) {
        this.failures.push(`${consul} ${key}: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
        await delay(20);
      }
    }
  }
}
