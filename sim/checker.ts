/** An invariant was broken. */
export class Violation extends Error {
  readonly checker: string;
  constructor(checker: string, message: string) {
    super(`${checker}: ${message}`);
    this.name = "Violation";
    this.checker = checker;
  }
}

/** One invariant. Cheap when nothing changed: it is asked after every event. */
export interface Checker {
  readonly name: string;
  /** What is wrong, or undefined. */
  check(): string | undefined;
}
