import { setTimeout as delay } from "node:timers/promises";
import * as v from "valibot";

const PATIENCE_MS = 3000;
const PAUSE_MS = 60;
const KEYS = ["pair/a", "pair/b"] as const;

const EntriesSchema = v.array(v.object({ Key: v.string(), Value: v.nullable(v.string()), ModifyIndex: v.number() }));

interface Pair {
  readonly value: number;
  readonly index: number;
}

/**
 * Callers that count two keys up together, each in one transaction that compares what it read. What they must never see: a half of a
 * transaction, two that made the same step, a read without what was acknowledged before.
 */
export class Transactions {
  readonly violations: string[] = [];
  readonly #done = new Map<number, string>();
  /** Nobody said whether they took place. */
  #open = 0;
  #highest = 0;
  readonly #end = new AbortController();
  readonly #work: Promise<unknown>;

  constructor(consul: readonly string[]) {
    // By its place in the list: another server may come to have it.
    this.#work = Promise.all(consul.map((_, at) => this.#run(() => consul[at] ?? "")));
  }

  get count(): number {
    return this.#done.size;
  }

  async stop(): Promise<void> {
    this.#end.abort();
    await this.#work;
  }

  /** After `stop`: what is there is what was done, and nothing twice. */
  async verify(base: string): Promise<void> {
    const pair = await this.#read(base, "consistent");
    const most = this.#highest + this.#open;
    if (pair === undefined || pair.value < this.#highest || pair.value > most)
      this.violations.push(`${base} ends at ${pair?.value ?? "nothing"}; it has to be in ${this.#highest} … ${most}`);
  }

  async #run(base: () => string): Promise<void> {
    while (!this.#end.signal.aborted) {
      const at = base();
      try {
        const least = this.#highest;
        const pair = await this.#read(at, "consistent");
        if (pair !== undefined && pair.value < least)
          this.violations.push(`${at} shows ${pair.value} where ${least} was acknowledged before`);
        if (pair !== undefined) await this.#step(at, pair);
        await this.#read(at, "stale");
      } catch {
        // Nobody answered.
      }
      await delay(PAUSE_MS);
    }
  }

  /** Undefined: no answer. */
  async #read(base: string, how: "consistent" | "stale"): Promise<Pair | undefined> {
    const url = `${base}/v1/kv/pair/?recurse&${how}`;
    const answer = await fetch(url, { signal: AbortSignal.timeout(PATIENCE_MS) });
    const text = await answer.text();
    if (answer.status === 404) return { value: 0, index: 0 };
    if (answer.status !== 200) return undefined;
    const entries = v.parse(EntriesSchema, JSON.parse(text));
    const said = entries.map(({ Value, ModifyIndex }) => `${Buffer.from(Value ?? "", "base64")}@${ModifyIndex}`);
    if (said.length !== KEYS.length || new Set(said).size !== 1)
      this.violations.push(`${base} shows half of a transaction: ${said.join(" and ")}`);
    const [value, index] = (said[0] ?? "").split("@").map(Number);
    return { value: value ?? NaN, index: index ?? NaN };
  }

  async #step(base: string, { value, index }: Pair): Promise<void> {
    const next = value + 1;
    const Value = Buffer.from(String(next)).toString("base64");
    const body = JSON.stringify(KEYS.map((Key) => ({ KV: { Verb: "cas", Key, Value, Index: index } })));
    this.#open += 1;
    const answer = await fetch(`${base}/v1/txn`, {
      method: "PUT",
      body,
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    await answer.text();
    // Refused: what it compared has changed. Anything else may still have taken place.
    if (answer.status === 409 || answer.status === 200) this.#open -= 1;
    if (answer.status !== 200) return;
    const other = this.#done.get(next);
    if (other !== undefined) this.violations.push(`the step to ${next} was made twice: at ${other} and at ${base}`);
    this.#done.set(next, base);
    this.#highest = Math.max(this.#highest, next);
  }
}
