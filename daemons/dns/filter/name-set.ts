import type { Asked } from "../packet/asked.ts";
import { depthBit, firstSlot, spread } from "./name-hash.ts";

/** What a set is made of; its memory is shared with the thread that built it, and never written again. */
export interface NameSetData {
  readonly seed: number;
  /** Names behind one another: two bytes with the number of their membership, then the wire form. */
  readonly names: SharedArrayBuffer;
  /** Open addressing: position of a name, divided by 2^shift, above eight bits of its hash. 0: free. */
  readonly slots: SharedArrayBuffer;
  readonly shift: number;
  readonly count: number;
  /** {@link depthBit} of every name: of most suffixes that are asked about it says that none is as long. */
  readonly depths: number;
  /** Per membership: the lists a name is in, twice their index, plus one where names below it are meant too. */
  readonly memberships: readonly (readonly number[])[];
}

export const NO_MEMBERSHIP = -1;

/** Names of lists, exact: the bytes are compared, so that no two names are ever taken for each other. */
export class NameSet {
  readonly data: NameSetData;
  readonly #names: Uint8Array;
  readonly #slots: Uint32Array;
  readonly #depths: number;

  constructor(data: NameSetData) {
    this.data = data;
    this.#names = new Uint8Array(data.names);
    this.#slots = new Uint32Array(data.slots);
    this.#depths = data.depths;
  }

  /** The membership of the name from label `n` on; {@link NO_MEMBERSHIP} when no list has it. */
  find(asked: Asked, n: number): number {
    if ((this.#depths & depthBit(asked.labels - n)) === 0) return NO_MEMBERSHIP;
    const hash = spread(asked.hashes[n] ?? 0);
    const tag = hash & 255;
    const { length: slots } = this.#slots;
    for (let slot = firstSlot(hash, slots); ; slot = slot + 1 === slots ? 0 : slot + 1) {
      const held = this.#slots[slot] ?? 0;
      if (held === 0) return NO_MEMBERSHIP;
      if ((held & 255) !== tag) continue;
      const at = (held >>> 8) << this.data.shift;
      if (this.#isAt(at + 2, asked, n)) return (this.#names[at] ?? 0) | ((this.#names[at + 1] ?? 0) << 8);
    }
  }

  #isAt(at: number, asked: Asked, n: number): boolean {
    const from = asked.starts[n] ?? 0;
    const { name, nameLength } = asked;
    for (let i = n === asked.labels ? nameLength - 1 : from; i < nameLength; i++)
      if (this.#names[at + i - from] !== name[i]) return false;
    return true;
  }
}
