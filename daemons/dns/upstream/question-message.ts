import type { Random } from "#base/env/random.ts";

const HEADER = 12;
const OPT_BYTES = 11;
/** RFC 9715: what passes without being cut in pieces. */
const UDP_BYTES = 1232;

/** What is asked of others, whoever asked us. */
export interface UpstreamQuestion {
  /** Lower-case wire name, the root's byte included. */
  readonly name: Uint8Array;
  readonly type: number;
  readonly class: number;
  readonly dnssecOk: boolean;
  /** The asker validates by itself (CD). */
  readonly checkingDisabled: boolean;
  /** Wants to know whether it is authentic (AD, RFC 6840 §5.7). */
  readonly wantsAuthentic: boolean;
}

/** Bits for letter case, drawn from the system many at a time. */
export class CaseBits {
  readonly #random: Random;
  #bits: Uint8Array = new Uint8Array(0);
  #at = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  next(): number {
    if (this.#at >= this.#bits.length) {
      this.#bits = this.#random.bytes(512);
      this.#at = 0;
    }
    return this.#bits[this.#at++] ?? 0;
  }
}

/** A message with number 0; letters in random case where `bits` are given (draft-vixie-dnsext-dns0x20). */
export function questionMessage(question: UpstreamQuestion, bits: CaseBits | undefined): Uint8Array {
  const { name, type } = question;
  // Out of memory that many small messages share.
  const message = Buffer.allocUnsafe(HEADER + name.length + 4 + OPT_BYTES).fill(0);
  message[2] = 1;
  message[3] = (question.checkingDisabled ? 0x10 : 0) | (question.wantsAuthentic ? 0x20 : 0);
  message[5] = 1;
  message[11] = 1;
  let held = 0;
  let left = 0;
  for (let i = 0; i < name.length; i++) {
    const byte = name[i] ?? 0;
    if (bits === undefined || byte < 97 || byte > 122) {
      // Lengths are below 64, so nothing but letters is in that range.
      message[HEADER + i] = byte;
      continue;
    }
    if (left === 0) {
      held = bits.next();
      left = 8;
    }
    message[HEADER + i] = byte ^ ((held & 1) << 5);
    held >>= 1;
    left -= 1;
  }
  let at = HEADER + name.length;
  message[at++] = type >> 8;
  message[at++] = type & 255;
  message[at++] = question.class >> 8;
  message[at++] = question.class & 255;
  message[at + 2] = 41;
  message[at + 3] = UDP_BYTES >> 8;
  message[at + 4] = UDP_BYTES & 255;
  message[at + 7] = question.dnssecOk ? 0x80 : 0;
  return message;
}

export function questionEndOf(question: UpstreamQuestion): number {
  return HEADER + question.name.length + 4;
}
