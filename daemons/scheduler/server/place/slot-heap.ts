/** Slots by falling key; equal keys by rising slot, so that the same input always gives the same order. */
export class SlotHeap {
  readonly #keys: Float64Array;
  readonly #slots: number[] = [];

  /** `keys` is indexed by slot; the key of a slot inside must not change. */
  constructor(keys: Float64Array) {
    this.#keys = keys;
  }

  get top(): number | undefined {
    return this.#slots[0];
  }

  push(slot: number): void {
    let at = this.#slots.push(slot) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#before(slot, this.#slots[parent] ?? -1)) break;
      this.#slots[at] = this.#slots[parent] ?? -1;
      at = parent;
    }
    this.#slots[at] = slot;
  }

  remove(slot: number): void {
    const at = this.#slots[0] === slot ? 0 : this.#slots.indexOf(slot);
    const last = at < 0 ? undefined : this.#slots.pop();
    if (last === undefined || last === slot) return;
    this.#slots[at] = last;
    this.#sift(at, last);
  }

  /** All slots, best first, found one at a time: taking a few of many is cheap. */
  *ranked(): Generator<number, void, void> {
    const frontier = this.#slots.length > 0 ? [0] : [];
    while (frontier.length > 0) {
      let best = 0;
      for (let i = 1; i < frontier.length; i++) {
        if (this.#before(this.#at(frontier[i]), this.#at(frontier[best]))) best = i;
      }
      const [at = 0] = frontier.splice(best, 1);
      yield this.#at(at);
      for (const child of [2 * at + 1, 2 * at + 2]) if (child < this.#slots.length) frontier.push(child);
    }
  }

  #at(position = -1): number {
    return this.#slots[position] ?? -1;
  }

  #before(a: number, b: number): boolean {
    const keyA = this.#keys[a] ?? Number.NEGATIVE_INFINITY;
    const keyB = this.#keys[b] ?? Number.NEGATIVE_INFINITY;
    return keyA > keyB || (keyA === keyB && a < b);
  }

  /** The slot put in from the end may belong further down, or up when it came from another branch. */
  #sift(from: number, slot: number): void {
    let at = from;
    while (at > 0 && this.#before(slot, this.#at((at - 1) >> 1))) {
      this.#slots[at] = this.#at((at - 1) >> 1);
      at = (at - 1) >> 1;
    }
    for (;;) {
      let child = 2 * at + 1;
      if (child >= this.#slots.length) break;
      if (child + 1 < this.#slots.length && this.#before(this.#at(child + 1), this.#at(child))) child += 1;
      if (!this.#before(this.#at(child), slot)) break;
      this.#slots[at] = this.#at(child);
      at = child;
    }
    this.#slots[at] = slot;
  }
}
