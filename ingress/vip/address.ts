import {
  contains,
  parseIp,
  printAddress,
  printIp,
  widthOf,
  type Ip,
} from "#base/client/templates/functions/sockaddr/ip.ts";
import { fail, succeed, type Result } from "#base/env/errors.ts";
import type { InterfaceAddress } from "#base/env/net.ts";

/** An address that moves between nodes. */
export interface VirtualAddress {
  /** `192.168.1.50`. */
  readonly address: string;
  readonly family: 4 | 6;
  /** Undefined: that of the network it is in. */
  readonly bits: number | undefined;
}

/** Where a node puts one. */
export interface Placement {
  readonly address: VirtualAddress;
  readonly device: string;
  /** With the network's mask: `192.168.1.50/24`. */
  readonly cidr: string;
}

/** VRRP has 255 routers in one network (RFC 5798 section 5.2.3). */
const MAX_ADDRESSES = 64;
const REFUSED_LEAST = "0.0.0.0";

/** `192.168.1.50, 192.168.1.51/24, fd00::50`. */
export function readAddresses(text: string): Result<readonly VirtualAddress[]> {
  const found = new Map<string, VirtualAddress>();
  for (const word of text.split(",").map((part) => part.trim())) {
    if (word === "") continue;
    const ip = parseIp(word);
    const usable = ip !== undefined && printAddress(ip) !== REFUSED_LEAST && printAddress(ip) !== "::";
    if (!usable)
      return fail(
        "vip_address",
        `the virtual address ${JSON.stringify(word)} is none`,
        "write addresses such as 192.168.1.50/24, parted by commas",
      );
    const address = printAddress(ip);
    found.set(address, { address, family: ip.version, bits: word.includes("/") ? ip.maskBits : undefined });
  }
  if (found.size === 0)
    return fail("vip_address", "there is no virtual address", "write at least one, as in 192.168.1.50/24");
  if (found.size > MAX_ADDRESSES)
    return fail("vip_address", `there are ${found.size} virtual addresses`, `name at most ${MAX_ADDRESSES}`);
  return succeed([...found.values()].toSorted((a, b) => (a.address < b.address ? -1 : 1)));
}

/** The device whose network an address belongs to; else `fallback`, with a mask of its own. */
export function placeAddress(
  address: VirtualAddress,
  interfaces: readonly InterfaceAddress[],
  fallback: string,
): Placement {
  const ip = parseIp(address.address);
  const home = interfaces.find((one) => one.address !== address.address && !one.internal && holds(one.cidr, ip));
  const bits = address.bits ?? (home === undefined ? undefined : parseIp(home.cidr)?.maskBits);
  const device = home?.name ?? fallback;
  if (ip === undefined) return { address, device, cidr: address.address };
  const maskBits = bits ?? widthOf(ip);
  return {
    address,
    device,
    cidr: maskBits === widthOf(ip) ? `${address.address}/${maskBits}` : printIp({ ...ip, maskBits }),
  };
}

function holds(cidr: string, ip: Ip | undefined): boolean {
  const network = parseIp(cidr);
  return network !== undefined && ip !== undefined && contains(network, ip);
}
