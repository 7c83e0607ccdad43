import type { Checker } from "../checker.ts";

/** What leaders wrote, in the order of revisions, belongs to terms that never come back. */
export class OneLeader implements Checker {
  readonly name = "one effective leader";
  #term = 0;
  #violation: string | undefined;
  #writes = 0;

  get writes(): number {
    return this.#writes;
  }

  /** A leader's write took place, with the revision of the lock it held; called in the order of revisions. */
  wrote(revision: number, term: number): void {
    this.#writes += 1;
    if (term < this.#term)
      this.#violation ??= `at revision ${revision} a leader of term ${term} wrote, after one of term ${this.#term}`;
    this.#term = Math.max(this.#term, term);
  }

  check(): string | undefined {
    return this.#violation;
  }
}
