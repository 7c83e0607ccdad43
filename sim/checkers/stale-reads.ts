import type { Checker } from "../checker.ts";

/** A clock of a machine runs by so much faster or slower than the world's, at most, within the age of a read. */
const TOLERANCE_MS = 5;

/** A read that says how old it may be shows all that was written before that. */
export class StaleReadsBounded implements Checker {
  readonly name = "stale reads are as old as they say";
  /** When each revision was written, oldest first. */
  readonly #written: { readonly revision: number; readonly atMs: number }[] = [];
  #violation: string | undefined;
  #reads = 0;

  get reads(): number {
    return this.#reads;
  }

  wrote(revision: number, atMs: number): void {
    this.#written.push({ revision, atMs });
  }

  /** Somebody was shown `revision`, and told that it was of at most `ageMs` ago. */
  read({ by, revision, ageMs, atMs }: { by: string; revision: number; ageMs: number; atMs: number }): void {
    this.#reads += 1;
    const promised = this.#written.findLast((one) => one.atMs <= atMs - ageMs - TOLERANCE_MS)?.revision ?? 0;
    if (revision < promised)
      this.#violation ??= `${by} shows revision ${revision} as at most ${ageMs} ms old, when ${promised} was written before that`;
  }

  check(): string | undefined {
    return this.#violation;
  }
}
