import { Buffer } from "node:buffer";

/**
 * As much of the protocol buffers wire format (https://protobuf.dev/programming-guides/encoding/) as etcd's API takes:
 * varints and length-delimited fields. Numbers are exact up to 2^53; 64-bit identifiers are bigint.
 */
export class ProtoWriter {
  #buffer: Buffer;
  #length = 0;

  constructor(size = 256) {
    this.#buffer = Buffer.allocUnsafe(size);
  }

  /** Zero is what an absent field means, and is left out. */
  uint(field: number, value: number): this {
    if (value === 0) return this;
    this.#room(20);
    this.#varint(field * 8);
    this.#varint(value);
    return this;
  }

  uint64(field: number, value: bigint): this {
    if (value === 0n) return this;
    this.#room(20);
    this.#varint(field * 8);
    let rest = BigInt.asUintN(64, value);
    for (; rest > 0x7fn; rest >>= 7n) this.#buffer[this.#length++] = Number(rest & 0x7fn) | 0x80;
    this.#buffer[this.#length++] = Number(rest);
    return this;
  }

  bool(field: number, value: boolean): this {
    return this.uint(field, value ? 1 : 0);
  }

  bytes(field: number, value: Uint8Array): this {
    if (value.length === 0) return this;
    this.#room(20 + value.length);
    this.#varint(field * 8 + 2);
    this.#varint(value.length);
    this.#buffer.set(value, this.#length);
    this.#length += value.length;
    return this;
  }

  text(field: number, value: string): this {
    if (value === "") return this;
    // A UTF-16 unit takes at most three bytes.
    this.#room(20 + value.length * 3);
    this.#varint(field * 8 + 2);
    const head = this.#length;
    this.#length += LENGTH_BYTES;
    this.#length += this.#buffer.write(value, this.#length, "utf8");
    this.#setLength(head);
    return this;
  }

  /** A nested message, written in place; an empty one is written too. */
  message(field: number, write: (writer: ProtoWriter) => void): this {
    this.#room(20);
    this.#varint(field * 8 + 2);
    const head = this.#length;
    this.#length += LENGTH_BYTES;
    write(this);
    this.#setLength(head);
    return this;
  }

  finish(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  /** Lengths that come after what they measure have a fixed place: a varint may have leading zeros. */
  #setLength(head: number): void {
    const length = this.#length - head - LENGTH_BYTES;
    if (length >= 2 ** 28) throw new RangeError(`a message of ${length} bytes: at most ${2 ** 28} can be said`);
    this.#buffer[head] = (length & 0x7f) | 0x80;
    this.#buffer[head + 1] = ((length >>> 7) & 0x7f) | 0x80;
    this.#buffer[head + 2] = ((length >>> 14) & 0x7f) | 0x80;
    this.#buffer[head + 3] = (length >>> 21) & 0x7f;
  }

  #varint(value: number): void {
    let rest = value;
    for (; rest > 0x7f; rest = Math.floor(rest / 128)) this.#buffer[this.#length++] = (rest % 128) | 0x80;
    this.#buffer[this.#length++] = rest;
  }

  #room(bytes: number): void {
    if (this.#length + bytes <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#length + bytes));
    this.#buffer.copy(larger, 0, 0, this.#length);
    this.#buffer = larger;
  }
}

const LENGTH_BYTES = 4;

/** What cannot be a message of the format. */
export class ProtoError extends Error {
  override readonly name = "ProtoError";
}

/** Walks over one message's fields; unknown ones are passed over with `skip`. Throws a {@link ProtoError}. */
export class ProtoReader {
  readonly #buffer: Buffer;
  readonly #end: number;
  #at: number;
  #wireType = 0;

  constructor(buffer: Buffer, start = 0, end = buffer.length) {
    this.#buffer = buffer;
    this.#at = start;
    this.#end = end;
  }

  /** The next field's number; 0 at the end. */
  next(): number {
    if (this.#at >= this.#end) return 0;
    const tag = this.#varint();
    this.#wireType = tag % 8;
    const field = Math.floor(tag / 8);
    if (field === 0) throw new ProtoError("a field with number 0");
    return field;
  }

  uint(): number {
    this.#expect(0);
    return this.#varint();
  }

  uint64(): bigint {
    this.#expect(0);
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#byte();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    throw new ProtoError("a number of more than ten bytes");
  }

  bool(): boolean {
    return this.uint() !== 0;
  }

  text(): string {
    const end = this.#block();
    const text = this.#buffer.toString("utf8", this.#at, end);
    this.#at = end;
    return text;
  }

  bytes(): Buffer {
    const end = this.#block();
    const bytes = this.#buffer.subarray(this.#at, end);
    this.#at = end;
    return bytes;
  }

  message(): ProtoReader {
    const end = this.#block();
    const reader = new ProtoReader(this.#buffer, this.#at, end);
    this.#at = end;
    return reader;
  }

  skip(): void {
    switch (this.#wireType) {
      case 0:
        this.#varint();
        return;
      case 1:
        return this.#advance(8);
      case 2:
        this.#at = this.#block();
        return;
      case 5:
        return this.#advance(4);
      default:
        throw new ProtoError(`wire type ${this.#wireType}`);
    }
  }

  #advance(bytes: number): void {
    if (this.#at + bytes > this.#end) throw new ProtoError("cut short");
    this.#at += bytes;
  }

  #expect(wireType: number): void {
    if (this.#wireType !== wireType) throw new ProtoError(`wire type ${this.#wireType}: expected ${wireType}`);
  }

  #block(): number {
    this.#expect(2);
    const length = this.#varint();
    if (length > this.#end - this.#at) throw new ProtoError("cut short");
    return this.#at + length;
  }

  /** Exact up to 2^53; a negative number, which is said as one near 2^64, comes out above that. */
  #varint(): number {
    let value = 0;
    for (let factor = 1, i = 0; i < 10; i++, factor *= 128) {
      const byte = this.#byte();
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
    throw new ProtoError("a number of more than ten bytes");
  }

  #byte(): number {
    const byte = this.#at < this.#end ? this.#buffer[this.#at] : undefined;
    if (byte === undefined) throw new ProtoError("cut short");
    this.#at += 1;
    return byte;
  }
}
