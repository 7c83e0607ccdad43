/** Classes whose last change is remembered; above that all count as just changed. */
const MAX_CLASSES = 10_000;

export interface BlockedEval {
  readonly id: string;
  readonly namespace: string;
  readonly jobId: string;
  /** Revision of the state it was found to be stuck in. */
  readonly snapshotIndex: number;
  /** Classes of nodes known when it was made: whether its groups may run there at all. */
  readonly classEligibility: Readonly<Record<string, boolean>>;
}

/**
 * Evaluations that wait for room. They wake when a node of a class that could take them changes or frees something;
 * one that was made from a state older than the last such change wakes at once.
 */
export class BlockedEvals {
  readonly #byId = new Map<string, BlockedEval>();
  readonly #changed = new Map<string, number>();
  #anyChanged = 0;

  get size(): number {
    return this.#byId.size;
  }

  /** False: something it may wait for has happened already, so it is to be tried again instead. */
  block(evaluation: BlockedEval): boolean {
    if (this.#anyChanged > evaluation.snapshotIndex) return false;
    for (const [computedClass, index] of this.#changed) {
      if (index > evaluation.snapshotIndex && mayUse(evaluation, computedClass)) return false;
    }
    this.#byId.set(evaluation.id, evaluation);
    return true;
  }

  untrack(evalId: string): void {
    this.#byId.delete(evalId);
  }

  /** Nodes of this class changed or freed something at revision `index`: takes out and returns whom that may help. */
  unblock(computedClass: string, index: number): BlockedEval[] {
    if (this.#changed.size >= MAX_CLASSES) {
      this.#changed.clear();
      this.#anyChanged = index;
    }
    this.#changed.set(computedClass, index);
    const woken = [...this.#byId.values()].filter((evaluation) => mayUse(evaluation, computedClass));
    for (const { id } of woken) this.#byId.delete(id);
    return woken;
  }
}

/** A class it has not seen may help; one that was found unfit never does. */
function mayUse({ classEligibility }: BlockedEval, computedClass: string): boolean {
  return classEligibility[computedClass] ?? true;
}
