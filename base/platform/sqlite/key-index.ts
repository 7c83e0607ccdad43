import { SortedKeys } from "#base/state/sorted-keys.ts";
import type { Found } from "#base/state/transaction.ts";

/** The newest record of a key: `row` is where the log holds it, `slot` where the index does. */
export interface Located extends Found {
  readonly row: number;
  readonly slot: number;
}

const FIRST_SLOTS = 1024;

/**
 * Every key and where its newest record lies, without values. The numbers sit in typed columns: a million keys are then
 * a million strings and no other objects, which the garbage collector would have to visit.
 */
export class KeyIndex {
  readonly #slots = new Map<string, number>();
  readonly #sorted = new SortedKeys(() => this.#slots.keys());
  readonly #free: number[] = [];
  #used = 0;
  #rows = new Float64Array(FIRST_SLOTS);
  #created = new Float64Array(FIRST_SLOTS);
  #modified = new Float64Array(FIRST_SLOTS);
  #versions = new Float64Array(FIRST_SLOTS);

  get size(): number {
    return this.#slots.size;
  }

  find(key: string): Located | undefined {
    const slot = this.#slots.get(key);
    if (slot === undefined) return undefined;
    return {
      slot,
      row: this.#rows[slot] ?? 0,
      createRevision: this.#created[slot] ?? 0,
      modRevision: this.#modified[slot] ?? 0,
      version: this.#versions[slot] ?? 0,
    };
  }

  /** The log's row of the newest record; 0 when there is none. */
  rowOf(key: string): number {
    const slot = this.#slots.get(key);
    return slot === undefined ? 0 : (this.#rows[slot] ?? 0);
  }

  /** In ascending order. */
  under(prefix: string, after?: string): Iterable<string> {
    return this.#sorted.under(prefix, after);
  }

  set(key: string, at: Omit<Located, "slot">): void {
    const slot = this.#slots.get(key);
    if (slot === undefined) this.insert(key, at);
    else this.update(slot, at);
  }

  /** A key that is not in the index; false when it is, and the index is no longer to be trusted. */
  insert(key: string, at: Omit<Located, "slot">): boolean {
    const slot = this.#free.pop() ?? this.#fresh();
    const size = this.#slots.size;
    this.#slots.set(key, slot);
    this.#sorted.add(key);
    this.update(slot, at);
    return this.#slots.size > size;
  }

  /** One bit per row of the log up to `lastRow`: whether it holds the newest record of its key. */
  liveRows(lastRow: number): Uint8Array {
    const bits = new Uint8Array(Math.floor(lastRow / 8) + 1);
    for (const slot of this.#slots.values()) {
      const row = this.#rows[slot] ?? 0;
      const byte = Math.floor(row / 8);
      bits[byte] = (bits[byte] ?? 0) | (1 << (row % 8));
    }
    return bits;
  }

  /** The key whose `slot` was found. */
  update(slot: number, at: Omit<Located, "slot">): void {
    this.#rows[slot] = at.row;
    this.#created[slot] = at.createRevision;
    this.#modified[slot] = at.modRevision;
    this.#versions[slot] = at.version;
  }

  delete(key: string): void {
    const slot = this.#slots.get(key);
    if (slot === undefined) return;
    this.#slots.delete(key);
    this.#sorted.delete(key);
    this.#free.push(slot);
  }

  #fresh(): number {
    const slot = this.#used;
    this.#used += 1;
    if (slot < this.#rows.length) return slot;
    this.#rows = grown(this.#rows);
    this.#created = grown(this.#created);
    this.#modified = grown(this.#modified);
    this.#versions = grown(this.#versions);
    return slot;
  }
}

function grown(column: Float64Array<ArrayBuffer>): Float64Array<ArrayBuffer> {
  const larger = new Float64Array(column.length * 2);
  larger.set(column);
  return larger;
}
