import { assert } from "./assert.ts";

/**
 * First in, first out, with a named limit. `push` returns false at the limit and the caller says what that means;
 * nothing is ever dropped silently.
 */
export class BoundedQueue<T> {
  readonly limit: number;
  #items: (T | undefined)[] = [];
  #head = 0;

  constructor(limit: number) {
    assert(Number.isInteger(limit) && limit > 0, `queue limit must be a positive integer, not ${limit}`);
    this.limit = limit;
  }

  get size(): number {
    return this.#items.length - this.#head;
  }

  push(item: T): boolean {
    if (this.size >= this.limit) return false;
    this.#items.push(item);
    return true;
  }

  shift(): T | undefined {
    if (this.#head >= this.#items.length) return undefined;
    const item = this.#items[this.#head];
    this.#items[this.#head] = undefined;
    this.#head += 1;
    if (this.#head > 64 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }
}
