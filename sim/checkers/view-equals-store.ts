import type { Checker } from "../checker.ts";

interface Held {
  readonly key: string;
  readonly modRevision: number;
}

/** At rest, a view holds exactly the rows of its store, each at the revision it was written. */
export class ViewEqualsStore implements Checker {
  readonly name = "the view equals the store";
  #violation: string | undefined;

  compare(view: Iterable<Held>, store: Iterable<Held>): void {
    const inView = new Map(Array.from(view, (each) => [each.key, each.modRevision]));
    for (const { key, modRevision } of store) {
      const seen = inView.get(key);
      inView.delete(key);
      if (seen !== modRevision) {
        this.#violation ??= `${key} is at revision ${modRevision} in the store, at ${seen ?? "none"} in the view`;
      }
    }
    for (const key of inView.keys()) this.#violation ??= `${key} is in the view alone`;
  }

  check(): string | undefined {
    return this.#violation;
  }
}
