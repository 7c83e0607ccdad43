/** The few best of many, best first; of equal ones whoever came first. */
export class Leaders<T> {
  readonly #most: number;
  readonly #things: T[] = [];
  readonly #scores: number[] = [];

  constructor(most: number) {
    this.#most = most;
  }

  get all(): readonly T[] {
    return this.#things;
  }

  /** False: it is not among them. */
  offer(thing: T, score: number): boolean {
    let at = this.#scores.length;
    while (at > 0 && score > (this.#scores[at - 1] ?? Infinity)) at -= 1;
    if (at >= this.#most) return false;
    this.#things.splice(at, 0, thing);
    this.#scores.splice(at, 0, score);
    if (this.#things.length > this.#most) {
      this.#things.pop();
      this.#scores.pop();
    }
    return true;
  }
}
