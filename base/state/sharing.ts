/** Texts kept to share; at the limit all are forgotten and it starts anew. */
export const MAX_SHARED_TEXTS = 50_000;

/**
 * Rows of one table are alike: two million allocations name six thousand nodes and a few hundred jobs. What JSON.parse
 * makes anew for each is kept once here, and the copies are garbage at once.
 */
export class Sharing {
  readonly #texts = new Map<string, string>();
  readonly #last = new Map<string, unknown>();

  /** The first of all equal texts. */
  text(value: string): string {
    if (value.length < 2) return value;
    const known = this.#texts.get(value);
    if (known !== undefined) return known;
    if (this.#texts.size >= MAX_SHARED_TEXTS) this.#texts.clear();
    this.#texts.set(value, value);
    return value;
  }

  /** The value given before under this name, where the new one says the same. Both have to be JSON, and never changed. */
  last<T>(name: string, value: T): T {
    const before = this.#last.get(name);
    if (isSame(before, value)) return before;
    this.#last.set(name, value);
    return value;
  }
}

/** Whether two JSON values are equal; keys in the same order. Asked for every row, so it allocates next to nothing. */
export function isSame<T>(a: unknown, b: T): a is T {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Array.isArray(a)) return Array.isArray(b) && a.length === b.length && a.every((each, at) => isSame(each, b[at]));
  const left = Object.keys(a);
  const right = Object.keys(b);
  if (Array.isArray(b) || left.length !== right.length) return false;
  return left.every((key, at) => key === right[at] && isSame(Reflect.get(a, key), Reflect.get(b, key)));
}
