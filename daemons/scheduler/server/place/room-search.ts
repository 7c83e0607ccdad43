import type { Victim } from "./preempt.ts";
import type { RoomMaker } from "./room-maker.ts";
import { SlotHeap } from "./slot-heap.ts";

/** A node, and whoever has to leave it. */
export interface MadeRoom {
  readonly slot: number;
  readonly victims: readonly Victim[];
  readonly score: number;
}

export interface RoomSearchOptions {
  readonly rooms: RoomMaker;
  readonly slots: readonly number[];
  /** Slots are below this. */
  readonly end: number;
  readonly scoreOf: (slot: number, victims: readonly Victim[]) => number;
  /** Nobody waits for the answer: nodes are looked at by {@link RoomSearch.look}, a few a turn. */
  readonly patient: boolean;
}

/** Nodes that are looked at again without asking for a turn. */
const FEW = 16;

/** Where ending something costs least. Nodes are worked out once, and again when something changed there. */
export class RoomSearch {
  readonly #options: RoomSearchOptions;
  readonly #scores: Float64Array;
  readonly #heap: SlotHeap;
  readonly #inside = new Set<number>();
  readonly #all: ReadonlySet<number>;
  readonly #open: Set<number>;

  constructor(options: RoomSearchOptions) {
    this.#options = options;
    this.#scores = new Float64Array(options.end);
    this.#heap = new SlotHeap(this.#scores);
    this.#all = new Set(options.slots);
    this.#open = new Set(options.slots);
  }

  /** Some nodes have to be looked at before the answer is worth much. */
  get wantsLook(): boolean {
    return this.#options.patient && this.#open.size > FEW;
  }

  *look(): Generator<void, void, void> {
    for (const [at, slot] of [...this.#open].entries()) {
      this.#workOut(slot);
      if (at % FEW === FEW - 1) yield;
    }
  }

  changed(slot: number): void {
    if (!this.#all.has(slot)) return;
    this.#options.rooms.changed(slot);
    this.#leave(slot);
    this.#open.add(slot);
  }

  /** The best of those that `allows` lets. */
  best(allows: (slot: number) => boolean): MadeRoom | undefined {
    if (!this.wantsLook) for (const slot of this.#open) this.#workOut(slot);
    for (const slot of this.#heap.ranked()) {
      const victims = this.#options.rooms.victimsAt(slot);
      if (victims !== undefined && allows(slot)) return { slot, victims, score: this.#scores[slot] ?? 0 };
    }
    return undefined;
  }

  #workOut(slot: number): void {
    const { rooms, scoreOf } = this.#options;
    this.#open.delete(slot);
    this.#leave(slot);
    const victims = rooms.victimsAt(slot);
    // Without any it would have been found among the nodes where it fits, were it not for what others hold no longer.
    if (victims === undefined || (victims.length === 0 && !rooms.owes(slot))) return;
    this.#scores[slot] = scoreOf(slot, victims);
    this.#heap.push(slot);
    this.#inside.add(slot);
  }

  #leave(slot: number): void {
    if (this.#inside.delete(slot)) this.#heap.remove(slot);
  }
}
