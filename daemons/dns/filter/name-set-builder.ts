import { depthBit, firstSlot, NameCoder, spread } from "./name-hash.ts";
import type { NameSetData } from "./name-set.ts";

/** Memberships are two bytes; names of further combinations keep the lists they had. */
const MAX_MEMBERSHIPS = 65_535;
/** Bits of a slot that hold a position. */
const POSITION_BITS = 24;
/** Two of three are taken. */
const SLOTS_A_NAME = 1.5;

export interface SetSize {
  /** At most so many names. */
  readonly names: number;
  /** At most so many bytes of text, all names together. */
  readonly bytes: number;
}

/** Collects names of lists. The memory is taken at once, and only what is written of it is ever real. */
export class NameSetBuilder {
  readonly #coder: NameCoder;
  readonly #seed: number;
  readonly #shift: number;
  readonly #names: SharedArrayBuffer;
  readonly #slots: SharedArrayBuffer;
  readonly #bytes: Uint8Array;
  readonly #table: Uint32Array;
  readonly #memberships: number[][] = [];
  readonly #numbers = new Map<string, number>();
  readonly #joined = new Map<number, number>();
  /** Position 0 means a free slot. */
  #end: number;
  #count = 0;
  #depths = 0;

  constructor(seed: number, size: SetSize) {
    this.#seed = seed;
    this.#coder = new NameCoder(seed);
    // A name takes its text, root and first length, the membership, and up to 2^shift - 1 bytes of padding.
    let shift = 2;
    const needed = (): number => size.bytes + size.names * (4 + (1 << shift)) + (2 << shift);
    while (needed() >= 2 ** (POSITION_BITS + shift)) shift += 1;
    this.#shift = shift;
    this.#names = new SharedArrayBuffer(needed());
    this.#slots = new SharedArrayBuffer(Math.max(1024, Math.ceil(size.names * SLOTS_A_NAME)) * 4);
    this.#bytes = new Uint8Array(this.#names);
    this.#table = new Uint32Array(this.#slots);
    this.#end = 1 << shift;
  }

  get count(): number {
    return this.#count;
  }

  /** Adds the name that `text` spells to list `list`, with all names below it when `below`. False when it is no name. */
  add(
    text: Uint8Array,
    place: { readonly from: number; readonly to: number },
    { list, below }: { readonly list: number; readonly below: boolean },
  ): boolean {
    const length = this.#coder.encode(text, place.from, place.to);
    if (length === 0) return false;
    const member = list * 2 + (below ? 1 : 0);
    const bytes = this.#bytes;
    const hash = spread(this.#coder.hash);
    const tag = hash & 255;
    const { length: slots } = this.#table;
    for (let slot = firstSlot(hash, slots); ; slot = slot + 1 === slots ? 0 : slot + 1) {
      const held = this.#table[slot] ?? 0;
      if (held === 0) {
        this.#append(slot, { tag, length, membership: this.#join(-1, member) });
        return true;
      }
      const at = (held >>> 8) << this.#shift;
      if ((held & 255) !== tag || !this.#isAt(at + 2, length)) continue;
      const joined = this.#join((bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8), member);
      bytes[at] = joined & 255;
      bytes[at + 1] = joined >> 8;
      return true;
    }
  }

  finish(): NameSetData {
    return {
      seed: this.#seed,
      names: this.#names,
      slots: this.#slots,
      shift: this.#shift,
      count: this.#count,
      depths: this.#depths,
      memberships: this.#memberships,
    };
  }

  #append(slot: number, name: { readonly tag: number; readonly length: number; readonly membership: number }): void {
    const at = this.#end;
    const bytes = this.#bytes;
    bytes[at] = name.membership & 255;
    bytes[at + 1] = name.membership >> 8;
    const { out } = this.#coder;
    for (let i = 0; i < name.length; i++) bytes[at + 2 + i] = out[i] ?? 0;
    this.#table[slot] = ((at >>> this.#shift) << 8) | name.tag;
    this.#end = (at + 2 + name.length + (1 << this.#shift) - 1) & -(1 << this.#shift);
    this.#count += 1;
    this.#depths |= depthBit(this.#coder.labels);
  }

  #isAt(at: number, length: number): boolean {
    const { out } = this.#coder;
    for (let i = 0; i < length; i++) if (this.#bytes[at + i] !== out[i]) return false;
    return true;
  }

  /** The membership that has one more member; -1 has none. */
  #join(membership: number, member: number): number {
    const key = (membership + 1) * 65_536 + member;
    const known = this.#joined.get(key);
    if (known !== undefined) return known;
    const before = this.#memberships[membership] ?? [];
    const members = before.includes(member) ? before : [...before, member].sort((a, b) => a - b);
    const same = this.#numbers.get(members.join());
    if (same === undefined && this.#memberships.length >= MAX_MEMBERSHIPS) return Math.max(membership, 0);
    const joined = same ?? this.#memberships.push(members) - 1;
    this.#numbers.set(members.join(), joined);
    this.#joined.set(key, joined);
    return joined;
  }
}
