import { writeIpv4, type Ipv4 } from "./ipv4.ts";
import { END, OVERLOAD } from "./option-codes.ts";
import {
  FILE_AT,
  FILE_BYTES,
  FIXED_BYTES,
  MAGIC_COOKIE,
  OPTIONS_AT,
  SNAME_AT,
  SNAME_BYTES,
  type DhcpPacket,
} from "./packet.ts";

export interface PacketFields extends Omit<DhcpPacket, "options"> {
  /** In the order they are sent; the first ones are the last to be left out. */
  readonly options: readonly WireOption[];
}

export type WireOption = readonly [code: number, value: Uint8Array];

/** What every client must take: 576 bytes with IP and UDP headers (RFC 2131 §2). */
export const LEAST_MAX_BYTES = 576 - 28;
/** BOOTP's own size; some clients and relays drop shorter ones (RFC 1542 §2.1). */
const MIN_BYTES = 300;
const MAX_PART = 255;

export interface EncodedPacket {
  readonly bytes: Uint8Array;
  /** Codes that found no room. */
  readonly dropped: readonly number[];
}

/**
 * A datagram of at most `maxBytes`. Options longer than 255 bytes are split (RFC 3396); what does not fit behind the
 * fixed fields goes into `file`, then `sname`, where those are free (RFC 2132 §9.3).
 */
export function encodePacket(packet: PacketFields, maxBytes: number = LEAST_MAX_BYTES): EncodedPacket {
  const limit = Math.max(maxBytes, MIN_BYTES);
  const bytes = new Uint8Array(limit);
  writeFixed(bytes, packet);
  const whole = packet.options.reduce((sum, [, value]) => sum + wireSize(value), 0);
  const fields = [new Field(bytes, OPTIONS_AT, limit)];
  if (OPTIONS_AT + whole + 1 > limit) {
    // Room for option 52 itself.
    fields[0] = new Field(bytes, OPTIONS_AT, limit - 3);
    if (packet.file === "") fields.push(new Field(bytes, FILE_AT, FILE_AT + FILE_BYTES));
    if (packet.sname === "") fields.push(new Field(bytes, SNAME_AT, SNAME_AT + SNAME_BYTES));
  }
  const dropped = packet.options.flatMap(([code, value]) =>
    fields.some((field) => field.put(code, value)) ? [] : [code],
  );
  const [main] = fields;
  if (main === undefined) return { bytes, dropped };
  const overload = fields.reduce((bits, field) => bits | field.end(), 0);
  if (overload !== 0) {
    main.limit = limit;
    main.put(OVERLOAD, Uint8Array.of(overload));
  }
  bytes[main.at] = END;
  return { bytes: bytes.subarray(0, Math.max(MIN_BYTES, main.at + 1)), dropped };
}

/** A stretch of the packet that holds options. */
class Field {
  at: number;
  limit: number;
  readonly #bytes: Uint8Array;
  readonly #start: number;

  constructor(bytes: Uint8Array, start: number, limit: number) {
    this.#bytes = bytes;
    this.#start = start;
    this.at = start;
    this.limit = limit;
  }

  /** False: no room, and nothing was written. One byte stays free for the end mark. */
  put(code: number, value: Uint8Array): boolean {
    if (this.at + wireSize(value) + 1 > this.limit) return false;
    let from = 0;
    do {
      const end = Math.min(from + MAX_PART, value.length);
      this.#bytes[this.at] = code;
      this.#bytes[this.at + 1] = end - from;
      this.at += 2;
      // Mostly four bytes: cheaper than a view and a call.
      while (from < end) this.#bytes[this.at++] = value[from++] ?? 0;
    } while (from < value.length);
    return true;
  }

  /** Closes an overloaded field; answers its bit in option 52, 0 where it holds nothing. */
  end(): number {
    if (this.#start === OPTIONS_AT || this.at === this.#start) return 0;
    this.#bytes[this.at] = END;
    return this.#start === FILE_AT ? 1 : 2;
  }
}

function wireSize(value: Uint8Array): number {
  return value.length + 2 * Math.max(1, Math.ceil(value.length / MAX_PART));
}

function writeFixed(bytes: Uint8Array, packet: Omit<PacketFields, "options">): void {
  bytes[0] = packet.op;
  bytes[1] = packet.htype;
  bytes[2] = packet.chaddr.length;
  bytes[3] = packet.hops;
  writeIpv4(bytes, 4, packet.xid);
  bytes[8] = packet.secs >>> 8;
  bytes[9] = packet.secs;
  bytes[10] = packet.flags >>> 8;
  bytes[11] = packet.flags;
  const addresses: readonly Ipv4[] = [packet.ciaddr, packet.yiaddr, packet.siaddr, packet.giaddr];
  addresses.forEach((ip, i) => writeIpv4(bytes, 12 + i * 4, ip));
  bytes.set(packet.chaddr.subarray(0, 16), 28);
  writeText(bytes, packet.sname, [SNAME_AT, SNAME_BYTES]);
  writeText(bytes, packet.file, [FILE_AT, FILE_BYTES]);
  writeIpv4(bytes, FIXED_BYTES, MAGIC_COOKIE);
}

/** Cut to leave the NUL that ends it. */
function writeText(bytes: Uint8Array, text: string, [at, length]: readonly [number, number]): void {
  if (text !== "") bytes.set(Buffer.from(text, "latin1").subarray(0, length - 1), at);
}
