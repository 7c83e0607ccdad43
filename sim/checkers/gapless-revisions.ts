import type { Checker } from "../checker.ts";

/** A store's change stream names every revision once, in order; and no revision is given twice to what was acknowledged. */
export class GaplessRevisions implements Checker {
  readonly name = "revisions are gapless";
  #last: number | undefined;
  #highestAcked = 0;
  #violation: string | undefined;

  /** A store opened at this revision, after a crash for instance. */
  opened(revision: number): void {
    if (revision < this.#highestAcked) {
      this.#violation ??= `the store came back at revision ${revision}, after ${this.#highestAcked} was acknowledged`;
    }
    this.#last = revision;
  }

  seen(revision: number): void {
    if (this.#last !== undefined && revision !== this.#last + 1) {
      this.#violation ??= `revision ${revision} follows ${this.#last}`;
    }
    this.#last = revision;
  }

  acknowledged(revision: number): void {
    this.#highestAcked = Math.max(this.#highestAcked, revision);
  }

  check(): string | undefined {
    return this.#violation;
  }
}
