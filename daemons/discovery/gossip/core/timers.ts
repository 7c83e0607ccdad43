export interface Timer {
  readonly dueMs: number;
  cancelled: boolean;
  readonly run: () => void;
}

/** What is to happen later, as a binary heap by time; equal times keep no order. */
export class Timers {
  readonly #heap: Timer[] = [];

  /** When the next one is due; undefined when there is none. */
  get dueMs(): number | undefined {
    this.#dropCancelled();
    return this.#heap[0]?.dueMs;
  }

  at(dueMs: number, run: () => void): Timer {
    const timer: Timer = { dueMs, cancelled: false, run };
    const heap = this.#heap;
    let at = heap.length;
    heap.push(timer);
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = heap[above];
      if (parent === undefined || parent.dueMs <= dueMs) break;
      heap[at] = parent;
      at = above;
    }
    heap[at] = timer;
    return timer;
  }

  /** Takes out the next one that is due at `nowMs`. */
  takeDue(nowMs: number): Timer | undefined {
    this.#dropCancelled();
    const first = this.#heap[0];
    return first !== undefined && first.dueMs <= nowMs ? this.#pop() : undefined;
  }

  #dropCancelled(): void {
    while (this.#heap[0]?.cancelled === true) this.#pop();
  }

  #pop(): Timer | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      const left = heap[2 * at + 1];
      const right = heap[2 * at + 2];
      const least = left !== undefined && right !== undefined && right.dueMs < left.dueMs ? right : left;
      if (least === undefined || least.dueMs >= last.dueMs) break;
      heap[at] = least;
      at = least === right ? 2 * at + 2 : 2 * at + 1;
    }
    heap[at] = last;
    return first;
  }
}
