/** Messages behind two bytes of length (RFC 1035 §4.2.2), out of a stream's pieces. */
export class MessageSplitter {
  readonly #maxBytes: number;
  #held: Uint8Array = new Uint8Array(0);

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Whole messages, in order; undefined when one is longer than allowed: the stream is of no more use. */
  push(data: Uint8Array): readonly Uint8Array[] | undefined {
    const bytes = this.#held.length === 0 ? data : Buffer.concat([this.#held, data]);
    const whole: Uint8Array[] = [];
    let at = 0;
    while (at + 2 <= bytes.length) {
      const length = ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
      if (length > this.#maxBytes) return undefined;
      if (at + 2 + length > bytes.length) break;
      whole.push(bytes.subarray(at + 2, at + 2 + length));
      at += 2 + length;
    }
    this.#held = bytes.slice(at);
    return whole;
  }
}

export function withLength(message: Uint8Array): Uint8Array {
  const framed = Buffer.allocUnsafe(message.length + 2);
  framed[0] = message.length >> 8;
  framed[1] = message.length & 255;
  framed.set(message, 2);
  return framed;
}
