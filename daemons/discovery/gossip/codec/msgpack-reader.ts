import { isUtf8 } from "node:buffer";
import { assert } from "#base/env/assert.ts";
import { MAX_SKIPPED_ITEMS } from "./limits.ts";
import { NO_BYTES } from "./message.ts";

/**
 * Reads MessagePack of either form (raw, str8, bin). Bad bytes do not throw: `failure` says what was wrong, every read
 * after it gives an empty value, and the caller looks once at the end.
 */
export class MsgpackReader {
  failure: string | undefined;
  at: number;
  readonly #bytes: Uint8Array;
  readonly #text: Buffer;

  constructor(bytes: Uint8Array, at = 0) {
    this.#bytes = bytes;
    this.#text = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.at = at;
  }

  /** Number of pairs, at most `most`. */
  map(most: number): number {
    const tag = this.#next();
    if ((tag & 0xf0) === 0x80) return tag & 0x0f;
    const pairs = tag === 0xde ? this.#number(2) : tag === 0xdf ? this.#number(4) : -1;
    if (pairs > most) this.#fail("too many fields");
    else if (pairs >= 0) return pairs;
    else if (tag !== 0xc0) this.#fail("not a map");
    return 0;
  }

  bool(): boolean {
    const tag = this.#next();
    if (tag === 0xc3) return true;
    if (tag !== 0xc2 && tag !== 0xc0) this.#fail("not a boolean");
    return false;
  }

  /** A whole number of 0 to `highest`. */
  uint(highest: number): number {
    const tag = this.#next();
    const value = tag < 0x80 ? tag : this.#wideUint(tag);
    if (value <= highest) return value;
    this.#fail("number too large");
    return 0;
  }

  /** A copy: what is kept must not hold a whole packet in memory. */
  bytes(longest: number): Uint8Array {
    const length = this.#rawLength(longest);
    if (length === 0) return NO_BYTES;
    const start = this.at;
    this.at += length;
    if (length > 64) return new Uint8Array(this.#bytes.subarray(start, this.at));
    const copy = new Uint8Array(length);
    for (let i = 0; i < length; i++) copy[i] = this.#bytes[start + i] ?? 0;
    return copy;
  }

  /** Points into the packet. */
  view(longest: number): Uint8Array {
    const length = this.#rawLength(longest);
    const start = this.at;
    this.at += length;
    return length === 0 ? NO_BYTES : this.#bytes.subarray(start, start + length);
  }

  text(longest: number): string {
    const length = this.#rawLength(longest);
    const start = this.at;
    this.at += length;
    if (length === 0) return "";
    const text = this.#text.toString("utf8", start, this.at);
    // The mark that stands for bytes that are no text may also have been sent as such.
    if (text.includes("\ufffd") && !isUtf8(this.#text.subarray(start, this.at))) {
      this.#fail("text is not UTF-8");
    }
    return text;
  }

  /** Where the next text lies: its key is looked up without making a string. */
  key(known: KeyTable): string {
    const length = this.#rawLength(64);
    const start = this.at;
    this.at += length;
    return length === 0 ? "" : known.find(this.#bytes, start, length);
  }

  /** Passes over one value of any kind. */
  skip(): void {
    let pending = 1;
    for (let seen = 0; pending > 0 && this.failure === undefined; seen++) {
      if (seen > MAX_SKIPPED_ITEMS) {
        this.#fail("too many items");
        return;
      }
      pending += this.#skipOne() - 1;
    }
  }

  /** Items inside of the value whose head was passed over. */
  #skipOne(): number {
    const tag = this.#next();
    if (tag < 0x80 || tag >= 0xe0 || tag === 0xc0 || tag === 0xc2 || tag === 0xc3) return 0;
    if (tag < 0x90) return 2 * (tag & 0x0f);
    if (tag < 0xa0) return tag & 0x0f;
    if (tag < 0xc0) return this.#pass(tag & 0x1f);
    const fixed = FIXED_LENGTHS[tag - 0xc0] ?? -1;
    if (fixed >= 0) return this.#pass(fixed);
    switch (tag) {
      case 0xc4:
      case 0xd9:
        return this.#pass(this.#number(1));
      case 0xc5:
      case 0xda:
        return this.#pass(this.#number(2));
      case 0xc6:
      case 0xdb:
        return this.#pass(this.#number(4));
      case 0xc7:
        return this.#pass(this.#number(1) + 1);
      case 0xc8:
        return this.#pass(this.#number(2) + 1);
      case 0xc9:
        return this.#pass(this.#number(4) + 1);
      case 0xdc:
        return this.#number(2);
      case 0xdd:
        return this.#number(4);
      case 0xde:
        return 2 * this.#number(2);
      case 0xdf:
        return 2 * this.#number(4);
      default:
        this.#fail("unknown kind of value");
        return 0;
    }
  }

  #pass(length: number): number {
    if (this.at + length > this.#bytes.length) this.#fail("cut short");
    else this.at += length;
    return 0;
  }

  #rawLength(longest: number): number {
    const tag = this.#next();
    let length: number;
    if (tag >= 0xa0 && tag < 0xc0) length = tag & 0x1f;
    else if (tag === 0xc0) return 0;
    else if (tag === 0xda || tag === 0xc5) length = this.#number(2);
    else if (tag === 0xd9 || tag === 0xc4) length = this.#number(1);
    else if (tag === 0xdb || tag === 0xc6) length = this.#number(4);
    else {
      this.#fail("not text or bytes");
      return 0;
    }
    if (this.at + length > this.#bytes.length) this.#fail("cut short");
    else if (length > longest) this.#fail("text or bytes too long");
    else return length;
    return 0;
  }

  #wideUint(tag: number): number {
    if (tag === 0xcc) return this.#number(1);
    if (tag === 0xcd) return this.#number(2);
    if (tag === 0xce) return this.#number(4);
    if (tag === 0xcf || tag === 0xd3) return this.#number(4) * 2 ** 32 + this.#number(4);
    if (tag === 0xd0) return this.#positive(this.#number(1), 0x80);
    if (tag === 0xd1) return this.#positive(this.#number(2), 0x8000);
    if (tag === 0xd2) return this.#positive(this.#number(4), 0x8000_0000);
    if (tag !== 0xc0) this.#fail("not a number");
    return 0;
  }

  #positive(value: number, sign: number): number {
    if (value >= sign) this.#fail("number below 0");
    return value;
  }

  #next(): number {
    if (this.failure !== undefined) return 0xc0;
    if (this.at >= this.#bytes.length) {
      this.#fail("cut short");
      return 0xc0;
    }
    return this.#bytes[this.at++] ?? 0xc0;
  }

  #number(size: 1 | 2 | 4): number {
    if (this.failure !== undefined) return 0;
    if (this.at + size > this.#bytes.length) {
      this.#fail("cut short");
      return 0;
    }
    let value = 0;
    for (let i = 0; i < size; i++) value = value * 256 + (this.#bytes[this.at++] ?? 0);
    return value;
  }

  #fail(why: string): void {
    this.failure ??= why;
  }
}

/** Bytes after the tags c0 … df whose values have one length; −1 for the others. */
const FIXED_LENGTHS: readonly number[] = [
  0, -1, 0, 0, -1, -1, -1, -1, -1, -1, 4, 8, 1, 2, 4, 8, 1, 2, 4, 8, 2, 3, 5, 9, 17, -1, -1, -1, -1, -1, -1, -1,
];

/** The names of fields, found by their bytes. */
export class KeyTable {
  readonly #slots = new Map<number, { readonly name: string; readonly bytes: Uint8Array }>();

  constructor(names: readonly string[]) {
    for (const name of names) {
      const bytes = new Uint8Array(Buffer.from(name, "latin1"));
      const hash = hashOf(bytes, 0, bytes.length);
      assert(
        !this.#slots.has(hash),
        `field names '${name}' and '${this.#slots.get(hash)?.name}' need different hashes`,
      );
      this.#slots.set(hash, { name, bytes });
    }
  }

  /** "" when it is none of them. */
  find(bytes: Uint8Array, start: number, length: number): string {
    const slot = this.#slots.get(hashOf(bytes, start, length));
    if (slot === undefined || slot.bytes.length !== length) return "";
    for (let i = 0; i < length; i++) if (slot.bytes[i] !== bytes[start + i]) return "";
    return slot.name;
  }
}

/** Different for all names that are known; the constructor makes sure. */
function hashOf(bytes: Uint8Array, start: number, length: number): number {
  const second = bytes[start + 1] ?? 0;
  const end = start + length;
  return ((length * 31 + second) * 31 + (bytes[end - 2] ?? 0)) * 31 + (bytes[end - 1] ?? 0);
}
