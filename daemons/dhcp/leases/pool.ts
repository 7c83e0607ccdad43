import type { Ipv4, Ipv4Network } from "../packet/ipv4.ts";
import type { PoolRange, Subnet } from "../settings/settings.ts";

/** Nobody ever had it, or nobody remembers. */
export const FREE = 0;
/** Held, offered, reserved or set aside. */
export const BUSY = 1;
/** A client had it and may want it back. */
export const STALE = 2;
export type Mark = typeof FREE | typeof BUSY | typeof STALE;

/** Into how many blocks a network is cut at most: the smallest thing instances share out between them. */
const MAX_BLOCKS_BITS = 6;

/** Addresses of a block; blocks are of the network, whatever pools are cut out of it, so that they mean the same to everybody. */
export function blockSizeOf({ prefix }: Ipv4Network): number {
  return 2 ** Math.max(0, 32 - prefix - MAX_BLOCKS_BITS);
}

/** Addresses in a row and what is known of each: one byte an address, searched at the speed of memory. */
export class Pool {
  readonly range: PoolRange;
  readonly size: number;
  /** The first and the last block it has addresses of. */
  readonly firstBlock: number;
  readonly lastBlock: number;
  readonly #marks: Uint8Array;
  readonly #base: Ipv4;
  readonly #blockSize: number;
  #free: number;

  constructor(range: PoolRange, { network, blockSize = blockSizeOf(network) }: Pick<Subnet, "network" | "blockSize">) {
    this.range = range;
    this.size = range.last - range.first + 1;
    this.#base = network.base;
    this.#blockSize = blockSize;
    this.firstBlock = this.blockOf(range.first);
    this.lastBlock = this.blockOf(range.last);
    this.#marks = new Uint8Array(this.size);
    this.#free = this.size;
  }

  get free(): number {
    return this.#free;
  }

  has(ip: Ipv4): boolean {
    return ip >= this.range.first && ip <= this.range.last;
  }

  blockOf(ip: Ipv4): number {
    return Math.floor((ip - this.#base) / this.#blockSize);
  }

  markOf(ip: Ipv4): number {
    return this.#marks[ip - this.range.first] ?? BUSY;
  }

  mark(ip: Ipv4, mark: Mark): void {
    const at = ip - this.range.first;
    const before = this.#marks[at];
    if (before === FREE && mark !== FREE) this.#free -= 1;
    else if (before !== FREE && mark === FREE) this.#free += 1;
    this.#marks[at] = mark;
  }

  /** Addresses of a block that can be given, now or as soon as those who had them are past. */
  usableIn(block: number): number {
    const [start, end] = this.#within(block);
    let free = 0;
    for (let at = start; at < end; at++) if (this.#marks[at] !== BUSY) free += 1;
    return free;
  }

  /** A free address of the blocks that `owns` allows, beginning where `hash` points, so that a client tends to get the same. */
  findFree(hash: number, owns: (block: number) => boolean): Ipv4 | undefined {
    if (this.#free === 0) return undefined;
    const start = hash % this.size;
    const first = this.blockOf(this.range.first + start);
    const blocks = this.lastBlock - this.firstBlock + 1;
    // Once more for what stands before `start` in the first block.
    for (let i = 0; i <= blocks; i++) {
      const block = this.firstBlock + ((first - this.firstBlock + i) % blocks);
      if (!owns(block)) continue;
      const [from, end] = this.#within(block);
      const at = this.#marks.subarray(from, end).indexOf(FREE, i === 0 ? start - from : 0);
      if (at >= 0) return this.range.first + from + at;
    }
    return undefined;
  }

  /** Where a block's addresses are in the pool. */
  #within(block: number): readonly [start: number, end: number] {
    const start = this.#base + block * this.#blockSize - this.range.first;
    return [Math.max(0, start), Math.max(0, Math.min(this.size, start + this.#blockSize))];
  }
}

/** FNV-1a, 32 bits: https://datatracker.ietf.org/doc/html/draft-eastlake-fnv */
export function hashOf(text: string): number {
  let hash = 0x81_1c_9d_c5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01_00_01_93);
  return hash >>> 0;
}
