import { MAX_PER_SLOT, SEEN_SLOTS } from "./limits.ts";

export type Novelty = "new" | "seen" | "old";

/** What was seen lately, by Lamport time. What is older than the ring is long counts as seen. */
export class SeenRing<T> {
  readonly #slots: ({ readonly time: number; readonly items: T[] } | undefined)[] = [];
  readonly #same: (a: T, b: T) => boolean;

  constructor(same: (a: T, b: T) => boolean) {
    this.#same = same;
  }

  /** Notes `item` of `time` when it is new. `now`: the clock's time. */
  note(item: T, time: number, now: number): Novelty {
    if (now > SEEN_SLOTS && time < now - SEEN_SLOTS) return "old";
    const at = time % SEEN_SLOTS;
    const slot = this.#slots[at];
    if (slot === undefined || slot.time < time) {
      this.#slots[at] = { time, items: [item] };
      return "new";
    }
    if (slot.time > time) return "old";
    if (slot.items.some((each) => this.#same(each, item))) return "seen";
    if (slot.items.length >= MAX_PER_SLOT) return "old";
    slot.items.push(item);
    return "new";
  }

  /** All that is held, in no order. */
  all(): { readonly time: number; readonly items: readonly T[] }[] {
    return this.#slots.filter((slot) => slot !== undefined);
  }
}
