/** One step of FNV-1a; names are hashed from their last byte to their first, each label's length behind its bytes. */
const PRIME = 0x01000193;

/** Spreads a name's hash over all bits: its high ones pick a slot, its low ones tell neighbours apart. */
export function spread(hash: number): number {
  let mixed = Math.imul(hash ^ (hash >>> 16), 0x7feb352d);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x846ca68b);
  return mixed ^ (mixed >>> 16);
}

/** A bit for how many labels a name has; the last one for all that have more. */
export function depthBit(labels: number): number {
  return 1 << (labels < 31 ? labels : 31);
}

/** Where to begin among `slots`, however many: the hash as a fraction of all there are. */
export function firstSlot(hash: number, slots: number): number {
  return Math.floor(((hash >>> 0) / 2 ** 32) * slots);
}

/**
 * Wire form of dotted text, lower case, into `out`, and its hash as `packet/asked.ts` counts it. Its length with the
 * root's byte; 0 when the text is no name: empty labels, labels above 63 bytes, more than 255 in all.
 */
export class NameCoder {
  readonly out = new Uint8Array(256);
  hash = 0;
  labels = 0;
  readonly #seed: number;

  constructor(seed: number) {
    this.#seed = seed;
  }

  encode(text: Uint8Array, from: number, to: number): number {
    const size = to - from;
    if (size <= 0 || size > 253) return 0;
    const { out } = this;
    let hash = this.#seed;
    let length = 0;
    let labels = 1;
    out[size + 1] = 0;
    for (let i = size - 1; i >= 0; i--) {
      let byte = text[from + i] ?? 0;
      if (byte === 46) {
        if (length === 0 || length > 63) return 0;
        out[i + 1] = length;
        hash = Math.imul(hash ^ length, PRIME);
        length = 0;
        labels += 1;
        continue;
      }
      if (byte >= 65 && byte <= 90) byte += 32;
      out[i + 1] = byte;
      hash = Math.imul(hash ^ byte, PRIME);
      length += 1;
    }
    if (length === 0 || length > 63) return 0;
    out[0] = length;
    this.hash = Math.imul(hash ^ length, PRIME);
    this.labels = labels;
    return size + 2;
  }
}
