import { sleep } from "#base/env/clock.ts";
import { StoreError, type Store, type TxnResult } from "#base/state/store.ts";
import { notLinearizable, type KeyCall } from "../checkers/linearizable.ts";
import { WholeTransactions } from "../checkers/whole-transactions.ts";
import { Violation } from "../checker.ts";
import type { Machine } from "../machine/node.ts";

const KEYS = 4;
/** Two keys that are only ever written together, to the same value: to those who see both they are one. */
const PAIR = ["pair/a", "pair/b"] as const;

type Noted = { -readonly [K in keyof KeyCall]: KeyCall[K] };
type Does = KeyCall["does"];

/** What callers of all servers did and saw, each call with the instants between which it took place. */
export class Callers {
  readonly whole = new WholeTransactions();
  readonly #calls = new Map<string, Noted[]>();
  #instant = 0;
  #values = 0;
  #isOver = false;

  end(): void {
    this.#isOver = true;
  }

  /** One caller, until it is over. */
  async run({ env: { clock, random } }: Machine, store: Store): Promise<void> {
    const last = new Map<string, string>();
    while (!this.#isOver) {
      const isPair = random.float() < 0.3;
      const key = isPair ? "pair" : `k${Math.floor(random.float() * KEYS)}`;
      const keys = isPair ? PAIR : [key];
      const kind = random.float();
      if (kind < 0.4) last.set(key, await this.#get(store, key, keys));
      else if (kind < 0.7) await this.#put(store, key, keys);
      else await this.#swap(store, { key, keys, expected: last.get(key) ?? "" });
      await sleep(clock, random.float() * 300);
    }
  }

  /** Throws a `Violation` where what was seen has no order. */
  judge(): void {
    for (const [key, calls] of this.#calls) {
      const problem = notLinearizable(calls);
      if (problem !== undefined) throw new Violation("linearizable", `${key}: ${problem}`);
    }
  }

  async #get(store: Store, key: string, keys: readonly string[]): Promise<string> {
    const start = ++this.#instant;
    let value = "";
    await settle(async () => {
      const values = valuesOf(await store.txn({ then: keys.map((each) => ({ op: "get", key: each })) }));
      value = values[0] ?? "";
      this.whole.compare(values.map((each) => [keys.join(" and "), value, each]));
      this.#note(key, { start, end: ++this.#instant, does: { kind: "get", value } });
    });
    return value;
  }

  async #put(store: Store, key: string, keys: readonly string[]): Promise<void> {
    const value = `v${++this.#values}`;
    const call = this.#begin(key, { kind: "put", value, unknown: true });
    await settle(async () => {
      await store.txn({ then: keys.map((each) => ({ op: "put", key: each, value })) });
      this.#finish(call, { kind: "put", value, unknown: false });
    });
  }

  async #swap(
    store: Store,
    { key, keys, expected }: { readonly key: string; readonly keys: readonly string[]; readonly expected: string },
  ): Promise<void> {
    const value = `v${++this.#values}`;
    const does = { kind: "cas", expected, value } as const;
    const call = this.#begin(key, { ...does, ok: undefined });
    await settle(async () => {
      const { ok } = await store.txn({
        compare: keys.map((each) => ({ key: each, target: "value", op: "=", operand: expected })),
        then: keys.map((each) => ({ op: "put", key: each, value })),
      });
      this.#finish(call, { ...does, ok });
    });
  }

  /** Nobody has answered yet, and perhaps nobody will. */
  #begin(key: string, does: Does): Noted {
    return this.#note(key, { start: ++this.#instant, end: Number.POSITIVE_INFINITY, does });
  }

  #finish(call: Noted, does: Does): void {
    call.does = does;
    call.end = ++this.#instant;
  }

  #note(key: string, call: Noted): Noted {
    const calls = this.#calls.get(key) ?? [];
    calls.push(call);
    this.#calls.set(key, calls);
    return call;
  }
}

/** What the store refuses is no answer. */
export async function settle(run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (thrown) {
    if (!(thrown instanceof StoreError)) throw thrown;
  }
}

function valuesOf({ responses }: TxnResult): string[] {
  return responses.map((answer) => (answer.op === "get" ? (answer.record?.value ?? "") : ""));
}
