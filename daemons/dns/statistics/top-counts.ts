const FNV_OFFSET = 0x811c_9dc5;
const FNV_PRIME = 0x0100_0193;
/** Slots for each name that is known, so that a search is short. */
const SPARE = 2;
const FIRST_SLOTS = 64;
const EMPTY = 0;

/**
 * Counts by name, within a limit, for few names that come again and again. When it is reached, the rarer half is forgotten at once: what leads stays exact as long as
 * it was never among the rarer half.
 *
 * A table of its own (open addressing, linear probing) and no `Map`: names come as new strings with every question, and
 * hashing one here, comparing it once and adding to a number costs a fraction of looking it up and setting it anew.
 */
export class TopCounts {
  /** Counted, but forgotten by name. */
  forgotten = 0;
  readonly #limit: number;
  readonly #names: string[] = [];
  #hashes = new Uint32Array(FIRST_SLOTS / SPARE);
  #counts = new Float64Array(FIRST_SLOTS / SPARE);
  /** Place of a name plus one. */
  #slots = new Uint32Array(FIRST_SLOTS);
  #lastName: string | undefined;
  #lastPlace = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#names.length;
  }

  add(name: string, by = 1): void {
    // The same string object again: most often one client asks several times.
    if (name === this.#lastName) {
      this.#counts[this.#lastPlace] = (this.#counts[this.#lastPlace] ?? 0) + by;
      return;
    }
    const hash = hashOf(name);
    const slot = this.#slotOf(name, hash);
    const known = this.#slots[slot] ?? EMPTY;
    if (known === EMPTY) this.#begin(name, { hash, by });
    else {
      this.#counts[known - 1] = (this.#counts[known - 1] ?? 0) + by;
      this.#lastName = name;
      this.#lastPlace = known - 1;
    }
  }

  get(name: string): number {
    const known = this.#slots[this.#slotOf(name, hashOf(name))] ?? EMPTY;
    return known === EMPTY ? 0 : (this.#counts[known - 1] ?? 0);
  }

  *entries(): Generator<readonly [string, number]> {
    for (const [at, name] of this.#names.entries()) yield [name, this.#counts[at] ?? 0];
  }

  /** Where the name is, or where it would be. */
  #slotOf(name: string, hash: number): number {
    const slots = this.#slots;
    const mask = slots.length - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const known = slots[slot] ?? EMPTY;
      if (known === EMPTY || (this.#hashes[known - 1] === hash && this.#names[known - 1] === name)) return slot;
    }
  }

  #begin(name: string, { hash, by }: { readonly hash: number; readonly by: number }): void {
    if (this.#names.length >= this.#limit) this.#forgetRare();
    if (this.#names.length >= this.#hashes.length) this.#grow();
    this.#hashes[this.#names.length] = hash;
    this.#counts[this.#names.length] = by;
    this.#slots[this.#slotOf(name, hash)] = this.#names.push(name);
  }

  #grow(): void {
    const hashes = new Uint32Array(this.#hashes.length * 2);
    const counts = new Float64Array(hashes.length);
    hashes.set(this.#hashes);
    counts.set(this.#counts);
    this.#hashes = hashes;
    this.#counts = counts;
    this.#slots = new Uint32Array(hashes.length * SPARE);
    this.#fillSlots();
  }

  #fillSlots(): void {
    this.#slots.fill(EMPTY);
    for (const [at, name] of this.#names.entries()) this.#slots[this.#slotOf(name, this.#hashes[at] ?? 0)] = at + 1;
  }

  #forgetRare(): void {
    this.#lastName = undefined;
    const size = this.#names.length;
    const sorted = this.#counts.slice(0, size).sort();
    const most = sorted[size >> 1] ?? 0;
    let left = size >> 1;
    let kept = 0;
    for (let at = 0; at < size; at++) {
      const count = this.#counts[at] ?? 0;
      if (left > 0 && count <= most) {
        this.forgotten += count;
        left -= 1;
        continue;
      }
      this.#names[kept] = this.#names[at] ?? "";
      this.#hashes[kept] = this.#hashes[at] ?? 0;
      this.#counts[kept] = count;
      kept += 1;
    }
    this.#names.length = kept;
    this.#fillSlots();
  }
}

/** FNV-1a over the code units, mixed so that its low bits depend on all. */
function hashOf(name: string): number {
  let hash = FNV_OFFSET;
  for (let at = 0; at < name.length; at++) hash = Math.imul(hash ^ name.charCodeAt(at), FNV_PRIME);
  return (hash ^ (hash >>> 15)) >>> 0;
}

/** Several as one: names and counts, most first, then by name. */
export function merged(parts: Iterable<Pick<TopCounts, "entries">>): Map<string, number> {
  const sums = new Map<string, number>();
  for (const part of parts) for (const [name, count] of part.entries()) sums.set(name, (sums.get(name) ?? 0) + count);
  return sums;
}

export function topOf(sums: ReadonlyMap<string, number>, count: number): [string, number][] {
  return [...sums].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1)).slice(0, Math.max(0, count));
}

export function leading(counts: Pick<TopCounts, "entries">, most: number): Record<string, number> {
  return Object.fromEntries(topOf(new Map(counts.entries()), most));
}
