import { setTimeout as delay } from "node:timers/promises";
import type { KeyCall } from "#sim/checkers/linearizable.ts";

const KEYS = 4;
/** A caller that hears nothing for so long takes its call for lost. */
const PATIENCE_MS = 3000;

type Noted = { -readonly [K in keyof KeyCall]: KeyCall[K] };

/** Callers that write and read a few keys through all of the servers, and what each of them saw. */
export class RecordedCallers {
  readonly calls = new Map<string, Noted[]>();
  readonly #prefix: string;
  #instant = 0;
  #values = 0;
  #isOver = false;
  readonly #work: Promise<void>[];

  constructor(consul: readonly string[], prefix: string) {
    this.#prefix = prefix;
    this.#work = [...consul, ...consul].map((url) => this.#run(url));
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#work);
  }

  async #run(url: string): Promise<void> {
    for (let n = 0; !this.#isOver; n++) {
      const key = `k${Math.floor(Math.random() * KEYS)}`;
      if (n % 2 === 0) await this.#put(`${url}/v1/kv/${this.#prefix}/${key}`, key);
      else await this.#get(`${url}/v1/kv/${this.#prefix}/${key}?raw&consistent`, key);
      await delay(60);
    }
  }

  async #put(url: string, key: string): Promise<void> {
    const value = `v${++this.#values}`;
    const noted: Noted = {
      start: ++this.#instant,
      end: Number.POSITIVE_INFINITY,
      does: { kind: "put", value, unknown: true },
    };
    this.#note(key, noted);
    try {
      const answer = await fetch(url, { method: "PUT", body: value, signal: AbortSignal.timeout(PATIENCE_MS) });
      if (answer.status !== 200 || (await answer.text()) !== "true") return;
      noted.does = { kind: "put", value, unknown: false };
      noted.end = ++this.#instant;
    } catch {
      // Nobody knows what became of it.
    }
  }

  async #get(url: string, key: string): Promise<void> {
    const start = ++this.#instant;
    try {
      const answer = await fetch(url, { signal: AbortSignal.timeout(PATIENCE_MS) });
      const text = await answer.text();
      if (answer.status !== 200 && answer.status !== 404) return;
      const value = answer.status === 404 ? "" : text;
      this.#note(key, { start, end: ++this.#instant, does: { kind: "get", value } });
    } catch {
      // It saw nothing.
    }
  }

  #note(key: string, call: Noted): void {
    const calls = this.calls.get(key) ?? [];
    calls.push(call);
    this.calls.set(key, calls);
  }
}
