import { REPLY_KIND, type ReplyKind } from "../query-record.ts";
import type { ReplyBytes } from "../cache/stored-reply.ts";
import type { UpstreamQuestion } from "./question-message.ts";

const HEADER = 12;
const MAX_NAME = 255;
const TYPE_CNAME = 5;
const TYPE_SOA = 6;
const TYPE_DNAME = 39;
const TYPE_OPT = 41;
const OPTION_EDE = 15;
const TYPE_RRSIG = 46;
const MAX_RECORDS = 512;
const MAX_ALIASES = 16;
const MAX_ADDITIONAL = 32;
const AD = 0x20;

const NOTHING = new Uint8Array(0);
const NO_ALIASES: readonly Uint8Array[] = [];
const NO_QUESTION: UpstreamQuestion = {
  name: NOTHING,
  type: 0,
  class: 1,
  dnssecOk: false,
  checkingDisabled: false,
  wantsAuthentic: false,
};

export interface UpstreamReply extends ReplyBytes {
  /** Seconds it may be kept: the least of its records' lives; of an answer without records, what its SOA says (RFC 2308). */
  readonly lifeSeconds: number;
  readonly authentic: boolean;
  /** Lower-case wire names its aliases lead to, in order. */
  readonly aliases: readonly Uint8Array[];
  /** Addresses that mean "blocked" by a filtering server upstream. */
  readonly isBlockedAbove: boolean;
  /** Why it is an error, where the server said so (RFC 8914); -1: it did not. */
  readonly ede: number;
}

/**
 * What of an answer is believed (RFC 5452 §6, RFC 2181 §5.4.1): records about the name asked for, and the names its aliases
 * lead to; of the authority section what is about a zone above them. Additional records are left out: nobody asked.
 * Undefined when it is malformed, or says something about other names.
 */
export function readReply(answer: Uint8Array, question: UpstreamQuestion): UpstreamReply | undefined {
  return new ReplyReader().read(answer, question);
}

/** The same, with memory that is used again. */
export class ReplyReader {
  #bytes: Uint8Array = NOTHING;
  #question: UpstreamQuestion = NO_QUESTION;
  readonly #name = new Uint8Array(MAX_NAME + 1);
  #ttlAt: number[] = [];
  #chain: Uint8Array[] = [];
  #nameLength = 0;
  #at = HEADER;
  #life = Number.POSITIVE_INFINITY;
  #negativeLife = 0;
  #hasAsked = false;
  #isBlockedAbove = false;

  read(bytes: Uint8Array, question: UpstreamQuestion): UpstreamReply | undefined {
    this.#bytes = bytes;
    this.#question = question;
    this.#chain = [question.name];
    this.#ttlAt = [];
    this.#at = HEADER + question.name.length + 4;
    this.#life = Number.POSITIVE_INFINITY;
    this.#negativeLife = 0;
    this.#hasAsked = false;
    this.#isBlockedAbove = false;
    const rcode = (bytes[3] ?? 0) & 15;
    // Twelve bytes, or an error without the question.
    if (bytes.length < this.#at || bytes[5] === 0) return this.#empty(rcode);
    const [answers, authorities] = [this.#word(6), this.#word(8)];
    if (answers + authorities > MAX_RECORDS) return undefined;
    for (let n = 0; n < answers; n++) if (!this.#answer()) return undefined;
    const answersEnd = this.#at;
    let kept = 0;
    while (kept < authorities && this.#authority()) kept += 1;
    // An authority section that says something else is left out as a whole, and so is what was to be learnt of it.
    const isWhole = kept === authorities;
    return this.#result({
      rcode,
      answers,
      authorities: isWhole ? authorities : 0,
      end: isWhole ? this.#at : answersEnd,
    });
  }

  #result(size: {
    readonly rcode: number;
    readonly answers: number;
    readonly authorities: number;
    readonly end: number;
  }): UpstreamReply {
    const { rcode, answers, authorities, end } = size;
    const from = this.#bytes;
    const { name } = this.#question;
    const bytes = Buffer.allocUnsafe(end);
    for (let i = 0; i < HEADER; i++) bytes[i] = from[i] ?? 0;
    for (let i = 0; i < name.length; i++) bytes[HEADER + i] = name[i] ?? 0;
    for (let i = HEADER + name.length; i < end; i++) bytes[i] = from[i] ?? 0;
    bytes[0] = bytes[1] = 0;
    bytes[2] = 0x80;
    const authentic = ((bytes[3] ?? 0) & AD) !== 0;
    bytes[3] = 0x80 | rcode;
    bytes[8] = authorities >> 8;
    bytes[9] = authorities & 255;
    bytes[10] = bytes[11] = 0;
    const ede = rcode === 0 || rcode === 3 || end !== this.#at ? -1 : this.#extendedError();
    const isNegative = rcode === 3 || !this.#hasAsked;
    const life = Math.min(this.#life, isNegative ? this.#negativeLife : Number.POSITIVE_INFINITY);
    return {
      bytes,
      ttlAt:
        this.#ttlAt.at(-1) === undefined || (this.#ttlAt.at(-1) ?? 0) < end
          ? this.#ttlAt
          : this.#ttlAt.filter((at) => at < end),
      rcode,
      reply: this.#kind(rcode, answers),
      lifeSeconds: rcode === 0 || rcode === 3 ? life : 0,
      authentic,
      aliases: this.#chain.length === 1 ? NO_ALIASES : this.#chain.slice(1),
      isBlockedAbove: this.#isBlockedAbove,
      ede,
    };
  }

  /** Of the OPT record behind the authority section; its text is left out. */
  #extendedError(): number {
    const additional = Math.min(this.#word(10), MAX_ADDITIONAL);
    for (let n = 0; n < additional; n++) {
      const start = this.#record();
      if (start < 0) return -1;
      if (this.#word(start) !== TYPE_OPT) continue;
      for (let at = start + 10; at + 6 <= this.#at; at += 4 + this.#word(at + 2))
        if (this.#word(at) === OPTION_EDE && this.#word(at + 2) >= 2) return this.#word(at + 4);
    }
    return -1;
  }

  #empty(rcode: number): UpstreamReply | undefined {
    if (rcode === 0) return undefined;
    const { name, type } = this.#question;
    const bytes = Buffer.alloc(HEADER + name.length + 4);
    bytes[2] = bytes[3] = 0x80;
    bytes[3] = 0x80 | rcode;
    bytes[5] = 1;
    bytes.set(name, HEADER);
    bytes.writeUInt16BE(type, HEADER + name.length);
    bytes.writeUInt16BE(this.#question.class, HEADER + name.length + 2);
    const reply = this.#kind(rcode, 0);
    const none = { lifeSeconds: 0, authentic: false, aliases: [], isBlockedAbove: false, ede: -1 };
    return { bytes, ttlAt: [], rcode, reply, ...none };
  }

  #kind(rcode: number, answers: number): ReplyKind {
    if (rcode === 3) return REPLY_KIND.nxdomain;
    if (rcode === 2) return REPLY_KIND.servfail;
    if (rcode === 5) return REPLY_KIND.refused;
    if (rcode === 4) return REPLY_KIND.notimp;
    if (rcode !== 0) return REPLY_KIND.other;
    if (answers === 0) return REPLY_KIND.nodata;
    if (!this.#hasAsked) return REPLY_KIND.cname;
    return this.#question.type === 1 || this.#question.type === 28 ? REPLY_KIND.ip : REPLY_KIND.other;
  }

  #answer(): boolean {
    const start = this.#record();
    if (start < 0) return false;
    const type = this.#word(start);
    const dataAt = start + 10;
    if (!this.#isInChain() && !(type === TYPE_DNAME || (type === TYPE_RRSIG && this.#word(dataAt) === TYPE_DNAME)))
      return false;
    if ((type === TYPE_DNAME || type === TYPE_RRSIG) && !this.#isAboveChain()) return false;
    this.#ttl(start);
    if (type === this.#question.type || this.#question.type === 255) this.#hasAsked = true;
    if (type === TYPE_CNAME && this.#question.type !== TYPE_CNAME) {
      if (this.#readName(dataAt) !== this.#at || this.#chain.length > MAX_ALIASES) return false;
      this.#chain.push(this.#name.slice(0, this.#nameLength));
    }
    if (type === 1 && this.#word(start + 8) === 4)
      this.#isBlockedAbove ||= this.#long(dataAt) === 0 && this.#question.type === 1;
    return true;
  }

  #authority(): boolean {
    const start = this.#record();
    if (start < 0 || !this.#isAboveChain()) return false;
    this.#ttl(start);
    if (this.#word(start) === TYPE_SOA) {
      const minimum = this.#long(this.#at - 4);
      this.#negativeLife = Math.min(this.#long(start + 4), minimum);
    }
    return true;
  }

  /** Reads a record's owner and goes behind it; where its type is, or -1. */
  #record(): number {
    const start = this.#readName(this.#at);
    if (start < 0 || start + 10 > this.#bytes.length) return -1;
    const end = start + 10 + this.#word(start + 8);
    if (end > this.#bytes.length) return -1;
    this.#at = end;
    return start;
  }

  #ttl(start: number): void {
    this.#ttlAt.push(start + 4);
    // RFC 2181 §8: with the highest bit set it counts as zero.
    const ttl = this.#long(start + 4);
    this.#life = Math.min(this.#life, ttl > 0x7fffffff ? 0 : ttl);
  }

  /** The last read name is the one asked for, or one an alias led to. */
  #isInChain(): boolean {
    for (const name of this.#chain) if (name.length === this.#nameLength && this.#endsAt(name, 0)) return true;
    return false;
  }

  /** … or a zone above one of them. */
  #isAboveChain(): boolean {
    return this.#chain.some((name) => {
      for (let at = 0; at < name.length; at += (name[at] ?? 0) + 1)
        if (name.length - at === this.#nameLength) return this.#endsAt(name, at);
      return false;
    });
  }

  #endsAt(name: Uint8Array, from: number): boolean {
    for (let i = 0; i < this.#nameLength; i++) if (name[from + i] !== this.#name[i]) return false;
    return true;
  }

  /** Into lower-case wire form, pointers followed strictly backwards. Where it ends in the message, or -1. */
  #readName(start: number): number {
    const bytes = this.#bytes;
    const name = this.#name;
    let at = start;
    let end = -1;
    let lowest = start;
    let size = 0;
    for (;;) {
      const length = bytes[at];
      if (length === undefined) return -1;
      if (length >= 0xc0) {
        const target = ((length & 0x3f) << 8) | (bytes[at + 1] ?? 0);
        if (at + 1 >= bytes.length || target >= lowest || target < HEADER) return -1;
        if (end < 0) end = at + 2;
        lowest = target;
        at = target;
        continue;
      }
      if (length > 63 || size + length + 1 > MAX_NAME || at + length >= bytes.length) return -1;
      name[size++] = length;
      if (length === 0) {
        this.#nameLength = size;
        return end < 0 ? at + 1 : end;
      }
      for (let i = 1; i <= length; i++) {
        const byte = bytes[at + i] ?? 0;
        name[size++] = byte >= 65 && byte <= 90 ? byte + 32 : byte;
      }
      at += length + 1;
    }
  }

  #word(at: number): number {
    return ((this.#bytes[at] ?? 0) << 8) | (this.#bytes[at + 1] ?? 0);
  }

  #long(at: number): number {
    return this.#word(at) * 65_536 + this.#word(at + 2);
  }
}
