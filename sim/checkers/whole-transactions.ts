import type { Checker } from "../checker.ts";

/** Keys that are only ever written together hold the same value: no transaction is half there. */
export class WholeTransactions implements Checker {
  readonly name = "transactions are whole";
  #violation: string | undefined;

  compare(pairs: Iterable<readonly [string, string | undefined, string | undefined]>): void {
    for (const [name, one, other] of pairs) {
      if (one !== other) this.#violation ??= `${name}: one key holds '${one}', the other '${other}'`;
    }
  }

  check(): string | undefined {
    return this.#violation;
  }
}
