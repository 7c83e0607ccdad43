import type { Asked } from "./asked.ts";
import { COOKIE_BYTES, CLIENT_COOKIE_BYTES, writeCookie } from "./edns-cookie.ts";

const HEADER = 12;
const QR = 0x8000;
const TC = 0x0200;
const RD = 0x0100;
const RA = 0x0080;
const CD = 0x0010;
const OPT_BYTES = 11;
const EDE_BYTES = 6;

/** Extended DNS errors (RFC 8914 §4). */
export const EDE = {
  none: -1,
  other: 0,
  staleAnswer: 3,
  blocked: 15,
  filtered: 17,
  prohibited: 18,
  staleNxdomain: 19,
  notSupported: 21,
  noReachableAuthority: 22,
  networkError: 23,
  invalidData: 24,
} as const;

export interface ReplyLimits {
  /** What we take over UDP, and the most we send. */
  readonly udpBytes: number;
  readonly cookieSecret: Uint8Array;
}

/** Who asked, and how. */
export interface ReplyTo {
  /** Address in text. */
  readonly client: string;
  /** TCP and its kin take 64 KiB. */
  readonly isStream: boolean;
  readonly nowMs: number;
}

/** Writes replies in place. Every method returns the length of the message in `out`. */
export class ReplyWriter {
  #limits: ReplyLimits;

  constructor(limits: ReplyLimits) {
    this.#limits = limits;
  }

  set limits(limits: ReplyLimits) {
    this.#limits = limits;
  }

  /** The largest message this question's sender takes. */
  room(asked: Asked, isStream: boolean): number {
    if (isStream) return 65_535;
    const { udpBytes } = this.#limits;
    return asked.udpSize < udpBytes ? asked.udpSize : udpBytes;
  }

  /** Header and question, echoed byte for byte; the counts of records are zero. */
  head(packet: Uint8Array, asked: Asked, out: Uint8Array): number {
    const { questionEnd, flags, id } = asked;
    out[0] = id >> 8;
    out[1] = id & 255;
    const bits = QR | RA | (flags & (RD | CD));
    out[2] = bits >> 8;
    out[3] = bits & 255;
    out[4] = 0;
    out[5] = 1;
    out[6] = out[7] = out[8] = out[9] = out[10] = out[11] = 0;
    for (let i = HEADER; i < questionEnd; i++) out[i] = packet[i] ?? 0;
    return questionEnd;
  }

  /** No records: an error, or nothing. */
  empty(
    packet: Uint8Array,
    asked: Asked,
    {
      out,
      rcode,
      ede,
      to,
    }: { readonly out: Uint8Array; readonly rcode: number; readonly ede: number; readonly to: ReplyTo },
  ): number {
    const at = this.head(packet, asked, out);
    out[3] = ((out[3] ?? 0) & 0xf0) | (rcode & 15);
    return this.edns(packet, asked, { out, at, extended: rcode >> 4, ede, to });
  }

  /** Not even the question could be read: twelve bytes. */
  bare(asked: Asked, out: Uint8Array, rcode: number): number {
    const bits = QR | (asked.flags & (0x7800 | RD)) | rcode;
    out.fill(0, 0, HEADER);
    out[0] = asked.id >> 8;
    out[1] = asked.id & 255;
    out[2] = bits >> 8;
    out[3] = bits & 255;
    return HEADER;
  }

  /** Behind the last record: OPT when the question had one (RFC 6891 §7), with cookie and extended error. */
  edns(
    packet: Uint8Array,
    asked: Asked,
    end: {
      readonly out: Uint8Array;
      readonly at: number;
      readonly extended: number;
      readonly ede: number;
      readonly to: ReplyTo;
    },
  ): number {
    if (!asked.hasEdns) return end.at;
    const { out, at, extended, ede } = end;
    const { udpBytes } = this.#limits;
    out[at] = 0;
    out[at + 1] = 0;
    out[at + 2] = 41;
    out[at + 3] = udpBytes >> 8;
    out[at + 4] = udpBytes & 255;
    out[at + 5] = extended;
    out[at + 6] = 0;
    out[at + 7] = asked.dnssecOk ? 0x80 : 0;
    out[at + 8] = 0;
    out[at + 9] = 0;
    let next = at + OPT_BYTES;
    if (ede >= 0) {
      next = option(out, next, { code: 15, length: 2 });
      out[next++] = ede >> 8;
      out[next++] = ede & 255;
    }
    if (asked.cookieAt > 0) next = this.#cookie(packet, asked, { ...end, at: next });
    out[at + 10] = next - at - OPT_BYTES;
    // The number of additional records, which were none.
    out[11] = (out[11] ?? 0) + 1;
    return next;
  }

  /** What {@link edns} adds. */
  ednsBytes(asked: Asked, ede: number): number {
    if (!asked.hasEdns) return 0;
    return OPT_BYTES + (ede >= 0 ? EDE_BYTES : 0) + (asked.cookieAt > 0 ? 4 + COOKIE_BYTES : 0);
  }

  /** Says that there is more than fits: the asker comes again over TCP. */
  truncated(packet: Uint8Array, asked: Asked, { out, to }: { readonly out: Uint8Array; readonly to: ReplyTo }): number {
    const at = this.head(packet, asked, out);
    out[2] = (out[2] ?? 0) | (TC >> 8);
    return this.edns(packet, asked, { out, at, extended: 0, ede: EDE.none, to });
  }

  #cookie(
    packet: Uint8Array,
    asked: Asked,
    { out, at, to }: { readonly out: Uint8Array; readonly at: number; readonly to: ReplyTo },
  ): number {
    const next = option(out, at, { code: 10, length: COOKIE_BYTES });
    const clientCookie = packet.subarray(asked.cookieAt, asked.cookieAt + CLIENT_COOKIE_BYTES);
    const { client, nowMs } = to;
    writeCookie(out, next, { secret: this.#limits.cookieSecret, clientCookie, client, nowMs });
    return next + COOKIE_BYTES;
  }
}

function option(
  out: Uint8Array,
  at: number,
  { code, length }: { readonly code: number; readonly length: number },
): number {
  out[at] = 0;
  out[at + 1] = code;
  out[at + 2] = 0;
  out[at + 3] = length;
  return at + 4;
}
