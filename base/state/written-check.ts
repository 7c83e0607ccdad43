import { assert } from "#base/env/assert.ts";
import { isSame } from "./sharing.ts";
import type { StoreRecord } from "./store.ts";

/** For tests and simulations: what writers hand over to the view is what they wrote, and nobody changes it afterwards. */
export class WrittenCheck {
  readonly #taken: StoreRecord[] = [];
  readonly #wrong: string[] = [];

  take(record: StoreRecord): void {
    if (record.written === undefined) return;
    if (saysItsText(record)) this.#taken.push(record);
    else this.#wrong.push(`${record.key} says something else than its text`);
  }

  /** Throws where a value was not what its text says, or has changed since. */
  end(): void {
    for (const record of this.#taken) {
      if (!saysItsText(record)) this.#wrong.push(`${record.key} was changed after it was written`);
    }
    assert(this.#wrong.length === 0, `values handed over: ${this.#wrong.slice(0, 10).join("; ")}`);
  }
}

function saysItsText({ value: text, written }: StoreRecord): boolean {
  const said: unknown = JSON.parse(text);
  const value = typeof said === "object" && said !== null && "value" in said ? said.value : undefined;
  return isSame(value, written?.value);
}
