import type { Txn } from "../store.ts";

/** Keys and prefixes that somebody reads or writes. */
export interface Footprint {
  readonly reads: readonly string[];
  readonly readPrefixes: readonly string[];
  readonly writes: readonly string[];
  readonly writePrefixes: readonly string[];
}

/** What a transaction may touch, whichever branch it takes. */
export function footprintOf(txn: Txn): Footprint {
  const reads = (txn.compare ?? []).map(({ key }) => key);
  const writes: string[] = [];
  const writePrefixes: string[] = [];
  for (const branch of [txn.then, txn.otherwise ?? []]) {
    for (const op of branch) {
      if (op.op === "get") reads.push(op.key);
      else if (op.op === "deletePrefix") writePrefixes.push(op.prefix);
      else writes.push(op.key);
    }
  }
  return { reads, readPrefixes: [], writes, writePrefixes };
}

/** Footprints held at one time, and whether another one would get in their way: two may read the same, no more. */
export class Claims {
  readonly #reads = new Counts();
  readonly #writes = new Counts();
  readonly #readPrefixes = new Counts();
  readonly #writePrefixes = new Counts();

  add(footprint: Footprint): void {
    this.#reads.change(footprint.reads, 1);
    this.#writes.change(footprint.writes, 1);
    this.#readPrefixes.change(footprint.readPrefixes, 1);
    this.#writePrefixes.change(footprint.writePrefixes, 1);
  }

  remove(footprint: Footprint): void {
    this.#reads.change(footprint.reads, -1);
    this.#writes.change(footprint.writes, -1);
    this.#readPrefixes.change(footprint.readPrefixes, -1);
    this.#writePrefixes.change(footprint.writePrefixes, -1);
  }

  conflicts({ reads, readPrefixes, writes, writePrefixes }: Footprint): boolean {
    return (
      writes.some((key) => this.#reads.has(key) || this.#writes.has(key) || this.#readPrefixes.covers(key)) ||
      reads.some((key) => this.#writes.has(key)) ||
      (this.#writePrefixes.size > 0 && [...reads, ...writes].some((key) => this.#writePrefixes.covers(key))) ||
      writePrefixes.some((prefix) => this.#reads.under(prefix) || this.#readPrefixes.meets(prefix)) ||
      [...writePrefixes, ...readPrefixes].some(
        (prefix) => this.#writes.under(prefix) || this.#writePrefixes.meets(prefix),
      )
    );
  }
}

class Counts {
  readonly #counts = new Map<string, number>();

  get size(): number {
    return this.#counts.size;
  }

  change(keys: readonly string[], by: number): void {
    for (const key of keys) {
      const count = (this.#counts.get(key) ?? 0) + by;
      if (count === 0) this.#counts.delete(key);
      else this.#counts.set(key, count);
    }
  }

  has(key: string): boolean {
    return this.#counts.has(key);
  }

  /** Whether one of these, read as prefixes, begins `key`. */
  covers(key: string): boolean {
    for (const prefix of this.#counts.keys()) if (key.startsWith(prefix)) return true;
    return false;
  }

  /** Whether one of these begins with `prefix`. */
  under(prefix: string): boolean {
    for (const key of this.#counts.keys()) if (key.startsWith(prefix)) return true;
    return false;
  }

  /** Whether one of these, read as prefixes, has keys in common with `prefix`. */
  meets(prefix: string): boolean {
    return this.covers(prefix) || this.under(prefix);
  }
}
