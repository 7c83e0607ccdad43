/** Orders of one answer that are kept; each is drawn by itself. */
const ORDERS = 16;
/** Bytes of all replies. Above, all are forgotten. */
const MAX_BYTES = 2 << 20;
const ID_BYTES = 2;
/** A header and a question about the root. */
const LEAST_BYTES = 17;

interface Kept {
  readonly replies: Uint8Array[];
  readonly orders: number;
  next: number;
}

/**
 * Whole replies by the question's bytes behind its number, until the catalog changes. A question with several answers is
 * answered in one of sixteen orders, in turn.
 */
export class AnswerCache {
  readonly #version: () => number;
  readonly #kept = new Map<string, Kept>();
  #keptAt = -1;
  #bytes = 0;

  /** `version` rises with everything answers are made of. */
  constructor(version: () => number) {
    this.#version = version;
  }

  /** With the question's number in it. */
  find(packet: Uint8Array): Uint8Array | undefined {
    if (packet.length < LEAST_BYTES) return undefined;
    const version = this.#version();
    if (version !== this.#keptAt) this.#forget(version);
    const kept = this.#kept.get(keyOf(packet));
    if (kept === undefined || kept.replies.length < kept.orders) return undefined;
    kept.next = (kept.next + 1) % kept.orders;
    const known = kept.replies[kept.next];
    if (known === undefined) return undefined;
    // Into a slab that many small messages share: what is sent later must not change meanwhile.
    const reply = Buffer.from(known);
    reply[0] = packet[0] ?? 0;
    reply[1] = packet[1] ?? 0;
    return reply;
  }

  /** `answers`: how many records there are to put in order. */
  keep(packet: Uint8Array, reply: Uint8Array, answers: number): void {
    if (this.#bytes > MAX_BYTES) this.#forget(this.#keptAt);
    this.#bytes += reply.length + packet.length;
    const key = keyOf(packet);
    const known = this.#kept.get(key);
    if (known !== undefined) known.replies.push(reply.slice());
    else this.#kept.set(key, { replies: [reply.slice()], orders: answers > 1 ? ORDERS : 1, next: 0 });
  }

  #forget(version: number): void {
    this.#kept.clear();
    this.#bytes = 0;
    this.#keptAt = version;
  }
}

function keyOf({ buffer, byteOffset, length }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset + ID_BYTES, Math.max(0, length - ID_BYTES)).toString("latin1");
}
