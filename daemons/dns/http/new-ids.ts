import type { Settings } from "../settings/settings.ts";

/** Gives ids that were never used: of lists and rules together, as the query log refers to both by the same number. */
export class NewIds {
  #last: number;

  constructor({ lastId, lists, rules, groups, clients }: Settings) {
    this.#last = Math.max(lastId, ...[lists, rules, groups, clients].flat().map(({ id }) => id));
  }

  get last(): number {
    return this.#last;
  }

  next(): number {
    this.#last += 1;
    return this.#last;
  }
}
