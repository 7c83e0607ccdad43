import { Buffer } from "node:buffer";

/** A message larger than this is no answer of etcd's. */
const MAX_MESSAGE_BYTES = 512 << 20;

/** Length-prefixed messages (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md). */
export function frame(message: Uint8Array): Buffer {
  const framed = Buffer.allocUnsafe(5 + message.length);
  framed[0] = 0;
  framed.writeUInt32BE(message.length, 1);
  framed.set(message, 5);
  return framed;
}

/** Cuts a stream of bytes into messages. */
export class Unframer {
  #chunks: Buffer[] = [];
  #length = 0;

  /** The messages that are whole by now. Throws a `RangeError` where the bytes are no such stream. */
  push(chunk: Buffer): Buffer[] {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    const messages: Buffer[] = [];
    for (;;) {
      const size = this.#nextSize();
      if (size === undefined || this.#length < 5 + size) return messages;
      const all = this.#joined();
      messages.push(all.subarray(5, 5 + size));
      this.#chunks = all.length > 5 + size ? [all.subarray(5 + size)] : [];
      this.#length = all.length - 5 - size;
    }
  }

  #nextSize(): number | undefined {
    if (this.#length < 5) return undefined;
    // Chunks of a large message are joined once, when the last is there.
    const head = (this.#chunks[0]?.length ?? 0) >= 5 ? this.#chunks[0] : this.#joined();
    if (head === undefined) return undefined;
    if (head[0] !== 0) throw new RangeError("a compressed message, which nobody asked for");
    const size = head.readUInt32BE(1);
    if (size > MAX_MESSAGE_BYTES) throw new RangeError(`a message of ${size} bytes`);
    return size;
  }

  #joined(): Buffer {
    const [first] = this.#chunks;
    if (first !== undefined && this.#chunks.length === 1) return first;
    const all = Buffer.concat(this.#chunks, this.#length);
    this.#chunks = [all];
    return all;
  }
}
