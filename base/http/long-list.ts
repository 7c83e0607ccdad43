/** Lists up to this length are answered in one turn. */
export const SHORT_LIST = 128;
/** Items sorted in one step. */
const RUN = 1024;

export interface LongListOptions<R> {
  /** A row as it is answered; looked at when its turn comes. */
  readonly of: (row: R) => unknown;
  /** Default: the rows are in order. */
  readonly order?: (a: R, b: R) => number;
}

/** A list of what may be a hundred thousand rows: put in order and into words over several turns. */
export class LongList<R = unknown> {
  readonly #rows: readonly R[];
  readonly #options: LongListOptions<R>;

  /** `rows` never change. */
  constructor(rows: readonly R[], options: LongListOptions<R>) {
    this.#rows = rows;
    this.#options = options;
  }

  get isShort(): boolean {
    return this.#rows.length <= SHORT_LIST;
  }

  /** At once. */
  all(): unknown[] {
    const { of, order } = this.#options;
    return (order === undefined ? this.#rows : this.#rows.toSorted(order)).map((row) => of(row));
  }

  /** Can be interrupted wherever it yields; yields items, and undefined while it is not so far. */
  *items(isReverse: boolean): Generator<{ readonly item: unknown } | undefined, void, void> {
    const { of, order } = this.#options;
    const sorted = order === undefined ? this.#rows : yield* sortInSteps(this.#rows, order);
    for (let at = 0; at < sorted.length; at++) {
      const row = sorted[isReverse ? sorted.length - 1 - at : at];
      if (row !== undefined) yield { item: of(row) };
    }
  }
}

/** A merge sort from short runs. */
function* sortInSteps<R>(rows: readonly R[], order: (a: R, b: R) => number): Generator<undefined, R[], void> {
  let runs: R[][] = [];
  for (let at = 0; at < rows.length; at += RUN) {
    runs.push(rows.slice(at, at + RUN).sort(order));
    yield;
  }
  while (runs.length > 1) {
    const merged: R[][] = [];
    for (let at = 0; at < runs.length; at += 2) merged.push(yield* merge(runs[at] ?? [], runs[at + 1] ?? [], order));
    runs = merged;
  }
  return runs[0] ?? [];
}

function* merge<R>(
  left: readonly R[],
  right: readonly R[],
  order: (a: R, b: R) => number,
): Generator<undefined, R[], void> {
  const merged: R[] = [];
  let [l, r] = [0, 0];
  for (;;) {
    if (merged.length % RUN === RUN - 1) yield;
    const [a, b] = [left[l], right[r]];
    if (a !== undefined && (b === undefined || order(a, b) <= 0)) {
      merged.push(a);
      l += 1;
    } else if (b !== undefined) {
      merged.push(b);
      r += 1;
    } else return merged;
  }
}
