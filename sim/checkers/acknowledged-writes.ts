import type { Checker } from "../checker.ts";

export interface Attempt {
  readonly key: string;
  readonly value: string;
  /** Undefined until the store acknowledged it. */
  revision: number | undefined;
  /** The store said no: it must not be there. */
  refused: boolean;
}

/**
 * What was acknowledged stays, whatever happens; what was not may be there whole or not at all. Each key has one writer
 * that waits for an answer before it writes again, so the candidates for what may be stored are few.
 */
export class AcknowledgedWrites implements Checker {
  readonly name = "acknowledged writes survive";
  readonly #attempts = new Map<string, Attempt[]>();
  #violation: string | undefined;

  attempt(key: string, value: string): Attempt {
    const made: Attempt = { key, value, revision: undefined, refused: false };
    const attempts = this.#attempts.get(key) ?? [];
    attempts.push(made);
    this.#attempts.set(key, attempts);
    return made;
  }

  /** Compares what a store holds now: by key its value and modify revision. */
  compare(stored: ReadonlyMap<string, { readonly value: string; readonly modRevision: number }>): void {
    for (const [key, attempts] of this.#attempts) {
      const lastAcked = attempts.findLastIndex((each) => each.revision !== undefined);
      const acked = attempts[lastAcked];
      const candidates = attempts.slice(lastAcked + 1).filter((each) => !each.refused);
      const found = stored.get(key);
      if (found === undefined) {
        if (acked !== undefined) this.#report(`${key} was acknowledged at revision ${acked.revision} and is gone`);
        continue;
      }
      const right =
        acked !== undefined && found.value === acked.value
          ? found.modRevision === acked.revision
          : candidates.some((each) => each.value === found.value);
      if (!right) {
        this.#report(
          `${key} holds '${found.value}' of revision ${found.modRevision}, not '${acked?.value}' of ${acked?.revision}`,
        );
      }
    }
  }

  check(): string | undefined {
    return this.#violation;
  }

  #report(violation: string): void {
    this.#violation ??= violation;
  }
}
