import { setTimeout as delay } from "node:timers/promises";
import * as v from "valibot";

const PATIENCE_MS = 3000;
/** What clocks, a busy machine and one round trip may add to the age that an answer names. */
const SLACK_MS = 3000;
const KeysSchema = v.array(v.string());

interface Acknowledged {
  readonly value: number;
  readonly atMs: number;
}

/**
 * Counts up through all servers in turn; each count is written again until one server acknowledges it. Each is a key of its own: a
 * write that nobody acknowledged in time may still be carried out, long after others.
 */
export class Counter {
  readonly acknowledged: Acknowledged[] = [];
  readonly #urls: readonly string[];
  readonly #work: Promise<void>;
  #isOver = false;

  constructor(consul: readonly string[]) {
    this.#urls = consul;
    this.#work = this.#run();
  }

  get highest(): number {
    return this.acknowledged.at(-1)?.value ?? 0;
  }

  /** The count that was acknowledged by this instant. */
  at(ms: number): number {
    return this.acknowledged.findLast(({ atMs }) => atMs <= ms)?.value ?? 0;
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#work;
  }

  async #run(): Promise<void> {
    for (let turn = 0, value = 1; !this.#isOver; turn += 1) {
      const base = this.#urls[turn % this.#urls.length] ?? "";
      if (await put(`${base}/v1/kv/${keyOf(value)}`, String(value))) {
        this.acknowledged.push({ value, atMs: performance.now() });
        value += 1;
      }
      await delay(25);
    }
  }
}

function keyOf(count: number): string {
  return `count/${String(count).padStart(6, "0")}`;
}

async function put(url: string, body: string): Promise<boolean> {
  const signal = AbortSignal.timeout(PATIENCE_MS);
  return fetch(url, { method: "PUT", body, signal }).then(
    async (answer) => answer.status === 200 && (await answer.text()) === "true",
    () => false,
  );
}

/** Reads of any age, and blocking queries, at one server: what they must never show is in `violations`. */
export class Reader {
  readonly violations: string[] = [];
  staleReads = 0;
  wakes = 0;
  readonly #base: string;
  readonly #counter: Counter;
  readonly #end = new AbortController();
  readonly #work: Promise<unknown>;

  constructor(base: string, counter: Counter) {
    this.#base = base;
    this.#counter = counter;
    this.#work = Promise.all([this.#readStale(), this.#watch()]);
  }

  async stop(): Promise<void> {
    this.#end.abort();
    await this.#work;
  }

  /** No answer is older than it says: what was there by then is in it. Asked is for the last that was, if it is of now. */
  async #readStale(): Promise<void> {
    while (!this.#end.signal.aborted) {
      const began = performance.now();
      const due = this.#counter.at(began - SLACK_MS);
      try {
        const url = `${this.#base}/v1/kv/${keyOf(due)}?raw&stale`;
        const answer = await fetch(url, { signal: AbortSignal.timeout(PATIENCE_MS) });
        await answer.text();
        const age = Number(answer.headers.get("x-consul-lastcontact") ?? Number.NaN);
        const isKnown = answer.headers.get("x-consul-knownleader") === "true";
        if (due > 0 && isKnown && (answer.status === 200 || answer.status === 404)) {
          this.staleReads += 1;
          if (answer.status === 404 && this.#counter.at(began - age - SLACK_MS) >= due)
            this.violations.push(`${this.#base} does not show ${due}, ${age} ms old as it says, when it was written`);
        }
      } catch {
        // Nobody answered.
      }
      await delay(100);
    }
  }

  /** Keys that were written one after the other come to be seen in that order, and indexes never fall. */
  async #watch(): Promise<void> {
    let index = 0;
    let seen = 0;
    while (!this.#end.signal.aborted) {
      try {
        const url = `${this.#base}/v1/kv/count/?keys&wait=2s&index=${index}`;
        const answer = await fetch(url, { signal: AbortSignal.timeout(2 * PATIENCE_MS) });
        const text = await answer.text();
        if (answer.status !== 200) {
          await delay(100);
          continue;
        }
        const keys = v.parse(KeysSchema, JSON.parse(text)).map((key) => Number(key.slice("count/".length)));
        const now = Number(answer.headers.get("x-consul-index"));
        const highest = Math.max(0, ...keys);
        if (keys.length !== highest) this.violations.push(`${this.#base} shows ${keys.length} keys up to ${highest}`);
        if (now < index) this.violations.push(`${this.#base}: the index fell from ${index} to ${now}`);
        if (now === index && highest > seen) this.violations.push(`${this.#base}: index ${now} shows two states`);
        this.wakes += 1;
        [index, seen] = [now, highest];
      } catch {
        await delay(100);
      }
    }
  }
}
