import { textHash } from "../packet/text-hash.ts";

/** Names that share a place: the rarest of them gives way. */
const WAYS = 8;
const FIRST_SETS = 32;

/**
 * Counts by name, within a limit, at a price that does not depend on it: a name has a set of eight places, and a newcomer takes
 * that of the rarest there. Nothing is sorted, and no list of names is kept in order. What leads stays exact as long as
 * seven others of its set are never all ahead of it when a stranger comes.
 */
export class NameCounts {
  /** Counted, but forgotten by name. */
  forgotten = 0;
  readonly #mostSets: number;
  #sets = FIRST_SETS;
  #size = 0;
  #names: (string | undefined)[] = [];
  #hashes = new Int32Array(0);
  #counts = new Float64Array(0);

  constructor(limit: number) {
    this.#mostSets = Math.max(1, Math.floor(limit / WAYS));
    this.#sets = Math.min(FIRST_SETS, this.#mostSets);
    this.#clear();
  }

  get size(): number {
    return this.#size;
  }

  add(name: string, by = 1): void {
    this.#add(name, textHash(name), by);
  }

  /** The same for a name whose {@link textHash} is known: its text is not looked at. */
  addHashed(name: string, hash: number): void {
    this.#add(name, hash, 1);
  }

  get(name: string): number {
    const at = this.#find(name, textHash(name));
    return at < 0 ? 0 : (this.#counts[at] ?? 0);
  }

  *entries(): Generator<readonly [string, number]> {
    for (const [at, name] of this.#names.entries()) if (name !== undefined) yield [name, this.#counts[at] ?? 0];
  }

  #add(name: string, hash: number, by: number): void {
    const known = this.#find(name, hash);
    if (known >= 0) {
      this.#counts[known] = (this.#counts[known] ?? 0) + by;
      return;
    }
    const first = this.#setOf(hash);
    let rarest = first;
    let least = Infinity;
    for (let at = first; at < first + WAYS; at++) {
      const count = this.#counts[at] ?? 0;
      if (count < least) {
        least = count;
        rarest = at;
      }
    }
    if (least === 0) {
      if (this.#size >= (this.#sets * WAYS) / 2 && this.#sets < this.#mostSets) {
        this.#grow();
        this.#add(name, hash, by);
        return;
      }
      this.#size += 1;
    } else this.forgotten += least;
    this.#names[rarest] = name;
    this.#hashes[rarest] = hash;
    this.#counts[rarest] = by;
  }

  #find(name: string, hash: number): number {
    const first = this.#setOf(hash);
    for (let at = first; at < first + WAYS; at++) if (this.#hashes[at] === hash && this.#names[at] === name) return at;
    return -1;
  }

  /** Where its set begins. */
  #setOf(hash: number): number {
    return ((hash >>> 0) % this.#sets) * WAYS;
  }

  #grow(): void {
    const [names, hashes, counts] = [this.#names, this.#hashes, this.#counts];
    this.#sets = Math.min(this.#mostSets, this.#sets * 2);
    this.#clear();
    for (const [at, name] of names.entries()) if (name !== undefined) this.#add(name, hashes[at] ?? 0, counts[at] ?? 0);
  }

  #clear(): void {
    const places = this.#sets * WAYS;
    this.#size = 0;
    this.#names = Array.from({ length: places }, () => undefined);
    this.#hashes = new Int32Array(places);
    this.#counts = new Float64Array(places);
  }
}
