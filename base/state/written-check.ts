import { assert } from "#base/env/assert.ts";
import { isSame } from "./sharing.ts";
import type { StoreRecord } from "./store.ts";

/** For tests and simulations: what writers hand over to the view is what they wrote, and nobody changes it afterwards. */
export class WrittenCheck {
  readonly #taken: StoreRecord[] = [];

  take(record: StoreRecord): void {
    if (record.written === undefined) return;
    check(record, "says something else than its text");
    this.#taken.push(record);
  }

  /** Throws where a value has changed since it was taken. */
  end(): void {
    for (const record of this.#taken) check(record, "was changed after it was written");
  }
}

function check({ key, value: text, written }: StoreRecord, problem: string): void {
  const said: unknown = JSON.parse(text);
  const value = typeof said === "object" && said !== null && "value" in said ? said.value : undefined;
  assert(isSame(value, written?.value), `the value handed over for ${key} ${problem}`);
}
