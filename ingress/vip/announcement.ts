import { octetsOf, parseIp } from "#base/client/templates/functions/sockaddr/ip.ts";

const BROADCAST = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff] as const;
const ALL_NODES_MAC = [0x33, 0x33, 0, 0, 0, 1] as const;
const ALL_NODES = [0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1] as const;
const ETHERTYPE_ARP = [0x08, 0x06] as const;
const ETHERTYPE_IPV6 = [0x86, 0xdd] as const;
const ICMPV6 = 58;
const HOP_LIMIT = 255;

/**
 * A frame that tells all neighbours at which MAC an address is now: a gratuitous ARP request (RFC 5227 section 3), or an
 * unsolicited neighbour advertisement that overrides what they knew (RFC 4861 section 7.2.6). Undefined: no address, or no MAC.
 */
export function announcementOf(address: string, mac: string): Uint8Array | undefined {
  const ip = parseIp(address);
  const station = mac.split(":").map((part) => Number.parseInt(part, 16));
  if (ip === undefined || station.length !== 6 || station.some((byte) => !(byte >= 0 && byte <= 255))) return undefined;
  return ip.version === 4
    ? Uint8Array.from(arp(octetsOf(ip.address, 4), station))
    : Uint8Array.from(neighbourAdvertisement(octetsOf(ip.address, 16), station));
}

type Octets = readonly number[];

function arp(ip: Octets, mac: Octets): Octets {
  const request = [0, 1, 8, 0, 6, 4, 0, 1];
  return [...BROADCAST, ...mac, ...ETHERTYPE_ARP, ...request, ...mac, ...ip, 0, 0, 0, 0, 0, 0, ...ip];
}

function neighbourAdvertisement(ip: Octets, mac: Octets): Octets {
  // Type 136, code 0, checksum, override; the address; option 2: its link-layer address.
  const message = [136, 0, 0, 0, 0x20, 0, 0, 0, ...ip, 2, 1, ...mac];
  const pseudo = [...ip, ...ALL_NODES, 0, 0, 0, message.length, 0, 0, 0, ICMPV6];
  const sum = checksum([...pseudo, ...message]);
  message[2] = sum >> 8;
  message[3] = sum & 255;
  const header = [0x60, 0, 0, 0, 0, message.length, ICMPV6, HOP_LIMIT, ...ip, ...ALL_NODES];
  return [...ALL_NODES_MAC, ...mac, ...ETHERTYPE_IPV6, ...header, ...message];
}

/** RFC 1071, of an even number of octets. */
function checksum(octets: Octets): number {
  let sum = 0;
  for (let at = 0; at < octets.length; at += 2) sum += ((octets[at] ?? 0) << 8) | (octets[at + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
