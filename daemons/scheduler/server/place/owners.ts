/**
 * Things in use, each by how many: one passes from an allocation to the one that replaces it, and both have it until the
 * first is gone.
 */
export class Owners<T> {
  readonly #counts = new Map<T, number>();

  has(thing: T): boolean {
    return this.#counts.has(thing);
  }

  add(thing: T): void {
    this.#counts.set(thing, (this.#counts.get(thing) ?? 0) + 1);
  }

  delete(thing: T): void {
    const owners = this.#counts.get(thing) ?? 0;
    if (owners > 1) this.#counts.set(thing, owners - 1);
    else this.#counts.delete(thing);
  }

  [Symbol.iterator](): IterableIterator<T> {
    return this.#counts.keys();
  }
}
