import { PriorityHeap } from "./priority-heap.ts";

interface Waiting<K> {
  readonly who: K;
  readonly enter: () => void;
}

/** Lets `width` pieces of work through at a time; of those that wait, the one that `before` says comes first. */
export class Turnstile<K> {
  #free: number;
  readonly #waiting: PriorityHeap<Waiting<K>>;

  constructor(width: number, before: (a: K, b: K) => boolean) {
    this.#free = width;
    this.#waiting = new PriorityHeap((a, b) => before(a.who, b.who));
  }

  /** Runs `work` when it is its turn. */
  async pass<T>(who: K, work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((enter) => this.#waiting.push({ who, enter }));
    try {
      return await work();
    } finally {
      const next = this.#waiting.pop();
      if (next === undefined) this.#free += 1;
      else next.enter();
    }
  }
}
