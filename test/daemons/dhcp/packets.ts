import { encodePacket, type WireOption } from "#daemons/dhcp/packet/encode.ts";
import { ipv4Bytes, parseIpv4 } from "#daemons/dhcp/packet/ipv4.ts";
import { decodePacket, type DhcpPacket } from "#daemons/dhcp/packet/packet.ts";

export interface Ask {
  readonly mac?: string;
  /** Absent: BOOTP. */
  readonly type?: number;
  readonly ciaddr?: string;
  readonly giaddr?: string;
  readonly flags?: number;
  readonly requested?: string;
  readonly serverId?: string;
  readonly list?: readonly number[];
  readonly options?: readonly WireOption[];
  readonly xid?: number;
}

export const ip = (text: string): number => parseIpv4(text) ?? 0;

/** A client's datagram. */
export function askBytes(ask: Ask): Uint8Array {
  const mac = Buffer.from((ask.mac ?? "02:00:00:00:00:01").replaceAll(":", ""), "hex");
  const options: WireOption[] = [
    ...(ask.type === undefined ? [] : [[53, Uint8Array.of(ask.type)] as const]),
    ...(ask.requested === undefined ? [] : [[50, ipv4Bytes(ip(ask.requested))] as const]),
    ...(ask.serverId === undefined ? [] : [[54, ipv4Bytes(ip(ask.serverId))] as const]),
    ...(ask.list === undefined ? [] : [[55, Uint8Array.from(ask.list)] as const]),
    ...(ask.options ?? []),
  ];
  const { bytes } = encodePacket({
    op: 1,
    htype: 1,
    hops: 0,
    xid: ask.xid ?? 1,
    secs: 0,
    flags: ask.flags ?? 0,
    ciaddr: ip(ask.ciaddr ?? "0.0.0.0"),
    yiaddr: 0,
    siaddr: 0,
    giaddr: ip(ask.giaddr ?? "0.0.0.0"),
    chaddr: mac,
    sname: "",
    file: "",
    options,
  });
  return bytes;
}

export function packetOf(bytes: Uint8Array): DhcpPacket {
  const decoded = decodePacket(bytes);
  if (!decoded.ok) throw new Error(decoded.error.message);
  return decoded.value;
}

export const text = (value: string): Uint8Array => Buffer.from(value);
