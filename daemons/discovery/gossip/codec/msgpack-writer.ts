/**
 * MessagePack in the form from before `str8` and `bin` existed: text and bytes are both "raw". Peers of the other kind
 * read nothing else. One writer serves many messages: `reset`, write, `take`. Messages lie side by side in slabs of a few
 * kilobytes: an array of its own for each would cost more than writing it.
 */
export class MsgpackWriter {
  #bytes = new Uint8Array(SLAB_BYTES);
  /** Where the message that is being written begins. */
  #start = 0;
  #at = 0;

  get length(): number {
    return this.#at - this.#start;
  }

  reset(): void {
    this.#at = this.#start;
  }

  /** What was written since `reset`; it is never written over. */
  take(): Uint8Array {
    const message = this.#bytes.subarray(this.#start, this.#at);
    this.#start = this.#at;
    return message;
  }

  byte(value: number): void {
    this.#room(1);
    this.#bytes[this.#at++] = value;
  }

  /** Bytes as they are, without a header. */
  plain(bytes: Uint8Array): void {
    this.#room(bytes.length);
    const target = this.#bytes;
    let at = this.#at;
    if (bytes.length > 32) {
      target.set(bytes, at);
      at += bytes.length;
    } else {
      for (let i = 0; i < bytes.length; i++) target[at++] = bytes[i] ?? 0;
    }
    this.#at = at;
  }

  /** Fewer than 16 pairs: enough for every message. */
  map(pairs: number): void {
    this.byte(0x80 | pairs);
  }

  bool(value: boolean): void {
    this.byte(value ? 0xc3 : 0xc2);
  }

  /** Not negative, at most 32 bits. Peers write their signed kinds so too. */
  uint(value: number): void {
    this.#room(5);
    const bytes = this.#bytes;
    if (value < 0x80) bytes[this.#at++] = value;
    else if (value <= 0xff) {
      bytes[this.#at++] = 0xcc;
      bytes[this.#at++] = value;
    } else if (value <= 0xffff) this.#wide16(0xcd, value);
    else this.#wide32(0xce, value);
  }

  /** Empty is written as nil, as Go writes an absent slice. */
  bytesOrNil(bytes: Uint8Array): void {
    if (bytes.length === 0) {
      this.byte(0xc0);
      return;
    }
    this.#rawHeader(bytes.length);
    this.plain(bytes);
  }

  text(text: string): void {
    const length = text.length;
    this.#room(5 + length * 3);
    const bytes = this.#bytes;
    const start = this.#at;
    if (length < 32) {
      let at = start + 1;
      let i = 0;
      for (; i < length; i++) {
        const unit = text.charCodeAt(i);
        if (unit > 0x7f) break;
        bytes[at++] = unit;
      }
      if (i === length) {
        bytes[start] = 0xa0 | length;
        this.#at = at;
        return;
      }
    }
    const encoded = Buffer.from(text, "utf8");
    this.#rawHeader(encoded.length);
    this.plain(encoded);
  }

  uint16be(value: number): void {
    this.#room(2);
    this.#bytes[this.#at++] = value >>> 8;
    this.#bytes[this.#at++] = value & 0xff;
  }

  uint32be(value: number): void {
    this.#room(4);
    this.#bytes[this.#at++] = value >>> 24;
    this.#bytes[this.#at++] = (value >>> 16) & 0xff;
    this.#bytes[this.#at++] = (value >>> 8) & 0xff;
    this.#bytes[this.#at++] = value & 0xff;
  }

  #rawHeader(length: number): void {
    this.#room(5);
    if (length < 32) this.#bytes[this.#at++] = 0xa0 | length;
    else if (length <= 0xffff) this.#wide16(0xda, length);
    else this.#wide32(0xdb, length);
  }

  #wide16(tag: number, value: number): void {
    this.#bytes[this.#at++] = tag;
    this.#bytes[this.#at++] = value >>> 8;
    this.#bytes[this.#at++] = value & 0xff;
  }

  #wide32(tag: number, value: number): void {
    this.#bytes[this.#at++] = tag;
    this.uint32be(value);
  }

  #room(more: number): void {
    if (this.#at + more <= this.#bytes.length) return;
    const written = this.length;
    const grown = new Uint8Array(Math.max(SLAB_BYTES, written * 2, written + more));
    grown.set(this.#bytes.subarray(this.#start, this.#at));
    this.#bytes = grown;
    this.#start = 0;
    this.#at = written;
  }
}

const SLAB_BYTES = 4096;
