import type { Checker } from "../checker.ts";

/** What watches tell of a revision is what happened at it: nothing is left out, made up, or told of another revision. */
export class ToldAsItWas implements Checker {
  readonly name = "watches tell what happened";
  readonly #written = new Map<number, string>();
  #violation: string | undefined;

  /** A transaction took place; `changes` say so in words that both sides use. */
  wrote(revision: number, changes: readonly string[]): void {
    this.#written.set(revision, said(changes));
  }

  told(revision: number, changes: readonly string[]): void {
    const written = this.#written.get(revision);
    if (written !== said(changes))
      this.#violation ??= `a watch says of revision ${revision}: ${said(changes)}; it was: ${written ?? "none"}`;
  }

  check(): string | undefined {
    return this.#violation;
  }
}

function said(changes: readonly string[]): string {
  return changes.toSorted().join(" ") || "nothing";
}
