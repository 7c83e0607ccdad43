import { textOf } from "#base/env/bytes.ts";
import { fail, succeed, type Result } from "#base/env/errors.ts";
import { MAX_DEPTH, MAX_VALUES, type WireValue } from "./value.ts";

export interface Decoded {
  readonly value: WireValue;
  /** Where the next value begins. */
  readonly end: number;
}

/**
 * Reads one value that begins at `at`. Never throws. Failures: `WIRE_SHORT` when the bytes end too early (more of a
 * stream may help), `WIRE_BAD` for all that is no message.
 */
export function decodeValue(bytes: Uint8Array, at = 0): Result<Decoded> {
  const reader = new Reader(bytes, at);
  const value = reader.read(0);
  if (reader.trouble === "short") return fail("WIRE_SHORT", `the message ends after ${bytes.length - at} bytes`);
  if (reader.trouble !== undefined) return fail("WIRE_BAD", `not a message: ${reader.trouble} at byte ${reader.at}`);
  return succeed({ value, end: reader.at });
}

class Reader {
  trouble: string | undefined;
  at: number;
  #values = 0;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.at = at;
  }

  read(depth: number): WireValue {
    if (depth > MAX_DEPTH) return this.#bad("too deep");
    if (++this.#values > MAX_VALUES) return this.#bad("too many values");
    const tag = this.#uint(1);
    if (this.trouble !== undefined) return null;
    if (tag < 0x80) return tag;
    if (tag >= 0xe0) return tag - 0x100;
    if (tag < 0x90) return this.#map(tag & 0x0f, depth);
    if (tag < 0xa0) return this.#list(tag & 0x0f, depth);
    if (tag < 0xc0) return this.#raw(tag & 0x1f);
    return this.#tagged(tag, depth);
  }

  #tagged(tag: number, depth: number): WireValue {
    switch (tag) {
      case 0xc0:
        return null;
      case 0xc2:
        return false;
      case 0xc3:
        return true;
      case 0xc4:
      case 0xd9:
        return this.#raw(this.#uint(1));
      case 0xc5:
      case 0xda:
        return this.#raw(this.#uint(2));
      case 0xc6:
      case 0xdb:
        return this.#raw(this.#uint(4));
      case 0xdc:
        return this.#list(this.#uint(2), depth);
      case 0xdd:
        return this.#list(this.#uint(4), depth);
      case 0xde:
        return this.#map(this.#uint(2), depth);
      case 0xdf:
        return this.#map(this.#uint(4), depth);
      default:
        return this.#number(tag);
    }
  }

  #number(tag: number): WireValue {
    switch (tag) {
      case 0xca:
        return this.#take(4, (at) => this.#view.getFloat32(at));
      case 0xcb:
        return this.#take(8, (at) => this.#view.getFloat64(at));
      case 0xcc:
        return this.#uint(1);
      case 0xcd:
        return this.#uint(2);
      case 0xce:
        return this.#uint(4);
      case 0xcf:
        return this.#take(8, (at) => narrow(this.#view.getBigUint64(at)));
      case 0xd0:
        return this.#take(1, (at) => this.#view.getInt8(at));
      case 0xd1:
        return this.#take(2, (at) => this.#view.getInt16(at));
      case 0xd2:
        return this.#take(4, (at) => this.#view.getInt32(at));
      case 0xd3:
        return this.#take(8, (at) => narrow(this.#view.getBigInt64(at)));
      default:
        return this.#bad(`unknown kind 0x${tag.toString(16)}`);
    }
  }

  /** Bytes that stay when the packet goes. */
  #raw(length: number): WireValue {
    return this.#take(length, (at) => this.#bytes.slice(at, at + length));
  }

  #list(length: number, depth: number): WireValue {
    const items: WireValue[] = [];
    for (let i = 0; i < length && this.trouble === undefined; i++) items.push(this.read(depth + 1));
    return items;
  }

  #map(length: number, depth: number): WireValue {
    const entries = new Map<string, WireValue>();
    for (let i = 0; i < length && this.trouble === undefined; i++) {
      const key = this.read(depth + 1);
      if (this.trouble !== undefined) break;
      if (!(key instanceof Uint8Array)) return this.#bad("a key that is no text");
      entries.set(textOf(key), this.read(depth + 1));
    }
    return Object.fromEntries(entries);
  }

  #uint(size: 1 | 2 | 4): number {
    const got = this.#take(size, (at) =>
      size === 1 ? this.#view.getUint8(at) : size === 2 ? this.#view.getUint16(at) : this.#view.getUint32(at),
    );
    return typeof got === "number" ? got : 0;
  }

  #take(size: number, read: (at: number) => WireValue): WireValue {
    if (this.trouble !== undefined) return null;
    if (this.at + size > this.#bytes.length) {
      this.trouble = "short";
      return null;
    }
    const value = read(this.at);
    this.at += size;
    return value;
  }

  #bad(why: string): null {
    this.trouble ??= why;
    return null;
  }
}

function narrow(value: bigint): number | bigint {
  const small = Number(value);
  return Number.isSafeInteger(small) ? small : value;
}
