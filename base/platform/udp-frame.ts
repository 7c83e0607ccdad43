import { ipv4Number } from "./datagram-batch.ts";

/** Ethernet II, IPv4 without options (RFC 791), UDP (RFC 768). */
const ETHERNET = 14;
const IPV4 = 20;
const UDP = 8;
const TTL = 64;
const PROTOCOL_UDP = 17;
const ETHERTYPE_IPV4 = 0x0800;
const ETHERTYPE_ARP = 0x0806;
/** The payload of the shortest Ethernet frame. */
const ARP_FRAME = 60;
const NO_FRAGMENTS = 0x4000;

export interface FrameEnd {
  readonly mac: string;
  readonly ip: string;
  readonly port: number;
}

/** A whole Ethernet frame around a datagram, checksums and all. */
export function udpFrame(from: FrameEnd, to: FrameEnd, data: Uint8Array): Uint8Array {
  const frame = new Uint8Array(ETHERNET + IPV4 + UDP + data.length);
  const view = new DataView(frame.buffer);
  frame.set(macBytes(to.mac), 0);
  frame.set(macBytes(from.mac), 6);
  view.setUint16(12, ETHERTYPE_IPV4);
  view.setUint8(14, 0x45);
  view.setUint16(16, IPV4 + UDP + data.length);
  view.setUint16(20, NO_FRAGMENTS);
  view.setUint8(22, TTL);
  view.setUint8(23, PROTOCOL_UDP);
  view.setUint32(26, ipv4Number(from.ip) ?? 0);
  view.setUint32(30, ipv4Number(to.ip) ?? 0);
  view.setUint16(24, checksum(frame.subarray(ETHERNET, ETHERNET + IPV4), 0));
  const udp = ETHERNET + IPV4;
  view.setUint16(udp, from.port);
  view.setUint16(udp + 2, to.port);
  view.setUint16(udp + 4, UDP + data.length);
  frame.set(data, udp + UDP);
  // Over a pseudo header of addresses, protocol and length; 0 would mean "none".
  const pseudo = sumOf(frame.subarray(26, 34), PROTOCOL_UDP + UDP + data.length);
  view.setUint16(udp + 6, checksum(frame.subarray(udp), pseudo) || 0xff_ff);
  return frame;
}

/** "Who has?" without an own address in it, so that nobody's table changes (RFC 5227 §2.1.1). */
export function arpProbe(mac: string, ip: string): Uint8Array {
  const frame = new Uint8Array(ARP_FRAME);
  const view = new DataView(frame.buffer);
  frame.fill(0xff, 0, 6);
  frame.set(macBytes(mac), 6);
  view.setUint16(12, ETHERTYPE_ARP);
  // Ethernet, IPv4, lengths 6 and 4, request.
  frame.set([0, 1, 8, 0, 6, 4, 0, 1], 14);
  frame.set(macBytes(mac), 22);
  view.setUint32(38, ipv4Number(ip) ?? 0);
  return frame;
}

/** Who says it has which address, from a frame that was heard; undefined for anything but ARP of Ethernet and IPv4. */
export function arpSender(frame: Uint8Array): { readonly mac: string; readonly ip: string } | undefined {
  if (frame.length < 42) return undefined;
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
  if (view.getUint16(12) !== ETHERTYPE_ARP || view.getUint32(14) !== 0x00_01_08_00) return undefined;
  const mac = Array.from(frame.subarray(22, 28), (byte) => byte.toString(16).padStart(2, "0")).join(":");
  return { mac, ip: frame.subarray(28, 32).join(".") };
}

function macBytes(mac: string): Uint8Array {
  return Uint8Array.from(mac.split(":"), (part) => Number.parseInt(part, 16));
}

/** The Internet checksum (RFC 1071). */
function checksum(bytes: Uint8Array, start: number): number {
  let sum = sumOf(bytes, start);
  while (sum > 0xff_ff) sum = (sum & 0xff_ff) + Math.floor(sum / 0x1_00_00);
  return ~sum & 0xff_ff;
}

function sumOf(bytes: Uint8Array, start: number): number {
  let sum = start;
  for (let i = 0; i < bytes.length; i += 2) sum += ((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0);
  return sum;
}
