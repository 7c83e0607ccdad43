import type { ViewChange } from "#base/state/table.ts";
import type { ClusterState } from "../cluster-state.ts";
import { happeningsOf, type Happening } from "./happening.ts";

/** Revisions that are kept for readers who start in the past or fall behind. */
export const MAX_BUFFERED_CHANGES = 1000;
/** Records that are kept of them; the newest revision is kept whatever its size. */
export const MAX_BUFFERED_ROWS = 20_000;

export interface BufferedChange {
  /** Rises by one from change to change. */
  readonly sequence: number;
  readonly revision: number;
  readonly happenings: readonly Happening[];
}

/** The newest changes of the cluster, for any number of readers, each at its own place. */
export class EventBuffer {
  readonly #state: ClusterState;
  #changes: BufferedChange[] = [];
  #rows = 0;
  #next = 0;
  readonly #waiting = new Set<() => void>();

  constructor(state: ClusterState) {
    this.#state = state;
  }

  apply(change: ViewChange): void {
    const happenings = happeningsOf(this.#state, change);
    if (happenings.length === 0) return;
    this.#changes.push({ sequence: this.#next, revision: change.revision, happenings });
    this.#next += 1;
    this.#rows += happenings.length;
    this.#trim();
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of waiting) wake();
  }

  /** Where to start so as to see everything from this revision on that is still there; 0: all that is. */
  placeOf(revision: number): number {
    const first = this.#changes.find((change) => change.revision >= revision);
    return first?.sequence ?? this.#next;
  }

  /** The change at this place; `ahead`: nothing happened yet; `gone`: the reader was too slow. */
  at(sequence: number): BufferedChange | "ahead" | "gone" {
    if (sequence >= this.#next) return "ahead";
    const oldest = this.#changes[0]?.sequence ?? this.#next;
    return this.#changes[sequence - oldest] ?? "gone";
  }

  /** Calls back once, at the next change. Returns what ends the wait. */
  onNext(wake: () => void): () => void {
    this.#waiting.add(wake);
    return () => this.#waiting.delete(wake);
  }

  #trim(): void {
    let surplus = 0;
    while (
      this.#changes.length - surplus > 1 &&
      (this.#changes.length - surplus > MAX_BUFFERED_CHANGES || this.#rows > MAX_BUFFERED_ROWS)
    ) {
      this.#rows -= this.#changes[surplus]?.happenings.length ?? 0;
      surplus += 1;
    }
    if (surplus > 0) this.#changes = this.#changes.slice(surplus);
  }
}
