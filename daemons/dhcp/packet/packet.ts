import { fail, succeed, type Result } from "#base/env/errors.ts";
import { readIpv4, type Ipv4 } from "./ipv4.ts";
import { readOptions, type OptionMap } from "./read-options.ts";

/** A BOOTP message with DHCP options (RFC 2131 §2, RFC 951). Addresses are numbers, 0 where none is given. */
export interface DhcpPacket {
  /** 1: from a client or relay; 2: from a server. */
  readonly op: number;
  readonly htype: number;
  readonly hops: number;
  readonly xid: number;
  readonly secs: number;
  readonly flags: number;
  readonly ciaddr: Ipv4;
  readonly yiaddr: Ipv4;
  readonly siaddr: Ipv4;
  readonly giaddr: Ipv4;
  /** `hlen` bytes, at most 16. */
  readonly chaddr: Uint8Array;
  /** Text before the first NUL; empty where the field carried options. */
  readonly sname: string;
  readonly file: string;
  readonly options: OptionMap;
}

export const OP_REQUEST = 1;
export const OP_REPLY = 2;
/** The client cannot take unicast before it has its address (RFC 2131 §2, figure 2). */
export const FLAG_BROADCAST = 0x8000;
/** Fixed fields, then the cookie (RFC 2131 §3). */
export const FIXED_BYTES = 236;
export const OPTIONS_AT = 240;
export const MAGIC_COOKIE = 0x63_82_53_63;
export const SNAME_AT = 44;
export const SNAME_BYTES = 64;
export const FILE_AT = 108;
export const FILE_BYTES = 128;
const MAX_HLEN = 16;
const NO_OPTIONS = Uint8Array.of(255);
/** Longer ones are not DHCP of this world: what an Ethernet frame of 9,000 bytes holds is more than any option needs. */
const MAX_PACKET_BYTES = 9000;

/**
 * Reads one datagram. The packet keeps no part of `data`. Malformed in any way that matters: an error that says where;
 * an option that runs past its field makes the whole packet worthless, since nothing after it can be trusted.
 */
export function decodePacket(data: Uint8Array): Result<DhcpPacket> {
  if (data.length < OPTIONS_AT) return bad(`${data.length} bytes are too few: at least ${OPTIONS_AT} make a packet`);
  if (data.length > MAX_PACKET_BYTES) return bad(`${data.length} bytes are more than ${MAX_PACKET_BYTES}`);
  // A Buffer's own slice would share its memory.
  const bytes = new Uint8Array(data);
  const cookie = readIpv4(bytes, FIXED_BYTES);
  // BOOTP without anything in its vendor field (RFC 951 §3).
  const isEmpty = cookie === 0 && bytes[0] === OP_REQUEST;
  if (cookie !== MAGIC_COOKIE && !isEmpty) return bad("no DHCP cookie at byte 236");
  const hlen = bytes[2] ?? 0;
  if (hlen > MAX_HLEN) return bad(`a hardware address of ${hlen} bytes does not fit its 16-byte field`);
  const op = bytes[0] ?? 0;
  if (op !== OP_REQUEST && op !== OP_REPLY) return bad(`operation ${op} is neither request (1) nor reply (2)`);
  const read = readOptions({
    main: isEmpty ? NO_OPTIONS : bytes.subarray(OPTIONS_AT),
    file: bytes.subarray(FILE_AT, FILE_AT + FILE_BYTES),
    sname: bytes.subarray(SNAME_AT, SNAME_AT + SNAME_BYTES),
  });
  if (!read.ok) return read;
  const { options, overload } = read.value;
  return succeed({
    op,
    htype: bytes[1] ?? 0,
    hops: bytes[3] ?? 0,
    xid: readIpv4(bytes, 4),
    secs: ((bytes[8] ?? 0) << 8) | (bytes[9] ?? 0),
    flags: ((bytes[10] ?? 0) << 8) | (bytes[11] ?? 0),
    ciaddr: readIpv4(bytes, 12),
    yiaddr: readIpv4(bytes, 16),
    siaddr: readIpv4(bytes, 20),
    giaddr: readIpv4(bytes, 24),
    chaddr: bytes.subarray(28, 28 + hlen),
    sname: (overload & 2) === 0 ? fieldText(bytes, SNAME_AT, SNAME_BYTES) : "",
    file: (overload & 1) === 0 ? fieldText(bytes, FILE_AT, FILE_BYTES) : "",
    options,
  });
}

function fieldText(bytes: Uint8Array, at: number, length: number): string {
  if (bytes[at] === 0) return "";
  const end = bytes.indexOf(0, at);
  return Buffer.from(bytes.subarray(at, end < 0 ? at + length : Math.min(end, at + length))).toString("latin1");
}

function bad(message: string): ReturnType<typeof fail> {
  return fail("bad_packet", message);
}
