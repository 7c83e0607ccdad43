/** Keys per chunk after a split; a chunk splits at twice this. Large enough that the outer list stays short, small enough to shift. */
const CHUNK = 512;

/** Code units above this differ in order between UTF-16 (what `<` compares) and UTF-8 (what keys are ordered by). */
const wide = /[\ud800-\uffff]/;

/**
 * A set of strings in ascending order of their UTF-8 bytes: a list of short sorted lists.
 * Costs nothing until the first ordered read, which sorts what `source` gives; from then on it is kept up to date.
 */
export class SortedKeys {
  readonly #source: () => Iterable<string>;
  #chunks: string[][] | undefined;
  #wide = false;

  constructor(source: () => Iterable<string>) {
    this.#source = source;
  }

  /** The key is new: adding one twice breaks the order's promise. */
  add(key: string): void {
    const chunks = this.#chunks;
    if (chunks === undefined) return;
    if (!this.#wide && wide.test(key)) return this.#becomeWide();
    const at = Math.min(this.#chunkOf(chunks, key), chunks.length - 1);
    const chunk = chunks[at];
    if (chunk === undefined) {
      chunks.push([key]);
      return;
    }
    chunk.splice(this.#positionIn(chunk, key), 0, key);
    if (chunk.length >= 2 * CHUNK) chunks.splice(at + 1, 0, chunk.splice(CHUNK));
  }

  delete(key: string): void {
    const chunks = this.#chunks;
    if (chunks === undefined) return;
    const at = this.#chunkOf(chunks, key);
    const chunk = chunks[at];
    if (chunk === undefined) return;
    const position = this.#positionIn(chunk, key);
    if (chunk[position] !== key) return;
    chunk.splice(position, 1);
    if (chunk.length === 0) chunks.splice(at, 1);
  }

  /** Keys from `start` on, `start` included. The caller neither awaits nor changes the set while it iterates. */
  *from(start: string): Generator<string, void, void> {
    const chunks = (this.#chunks ??= this.#build());
    let at = this.#chunkOf(chunks, start);
    const first = chunks[at];
    let position = first === undefined ? 0 : this.#positionIn(first, start);
    for (let chunk = first; chunk !== undefined; chunk = chunks[++at]) {
      for (; position < chunk.length; position++) {
        const key = chunk[position];
        if (key !== undefined) yield key;
      }
      position = 0;
    }
  }

  /** Keys that begin with `prefix`, and come after `after` where that is given. */
  *under(prefix: string, after?: string): Generator<string, void, void> {
    const start = after !== undefined && compareKeys(after, prefix) > 0 ? after : prefix;
    for (const key of this.from(start)) {
      if (!key.startsWith(prefix)) return;
      if (key !== after) yield key;
    }
  }

  #build(): string[][] {
    const keys = [...this.#source()];
    this.#wide = keys.some((key) => wide.test(key));
    if (this.#wide) keys.sort(compareKeys);
    else keys.sort();
    const chunks: string[][] = [];
    for (let i = 0; i < keys.length; i += CHUNK) chunks.push(keys.slice(i, i + CHUNK));
    return chunks;
  }

  /** The first key of its kind: sort again, by bytes, at the next read. The source holds the key by then. */
  #becomeWide(): void {
    this.#wide = true;
    this.#chunks = undefined;
  }

  #less(a: string, b: string): boolean {
    return this.#wide ? compareKeys(a, b) < 0 : a < b;
  }

  /** The first chunk whose last key is not below `key`; the number of chunks when there is none. */
  #chunkOf(chunks: readonly string[][], key: string): number {
    let low = 0;
    let high = chunks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const last = chunks[middle]?.at(-1);
      if (last !== undefined && this.#less(last, key)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The first position whose key is not below `key`. */
  #positionIn(chunk: readonly string[], key: string): number {
    let low = 0;
    let high = chunk.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const there = chunk[middle];
      if (there !== undefined && this.#less(there, key)) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Order of the UTF-8 encodings, without encoding: surrogates (U+10000 and up) sort after U+E000–U+FFFF. */
export function compareKeys(a: string, b: string): number {
  if (a === b) return 0;
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x === y) continue;
    if (x >= 0xd800 && y >= 0xd800) {
      const xPair = x < 0xe000;
      const yPair = y < 0xe000;
      if (xPair !== yPair) return xPair ? 1 : -1;
    }
    return x - y;
  }
  return a.length - b.length;
}
