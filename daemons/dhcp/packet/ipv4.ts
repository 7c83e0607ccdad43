/** An IPv4 address as an unsigned number; in this room every address is one. */
export type Ipv4 = number;

export const BROADCAST: Ipv4 = 0xff_ff_ff_ff;

/** Dotted decimal, strictly: four numbers without leading zeros. Undefined for anything else. */
export function parseIpv4(text: string): Ipv4 | undefined {
  const parts = text.split(".");
  if (parts.length !== 4) return undefined;
  let ip = 0;
  for (const part of parts) {
    if (!/^(?:0|[1-9][0-9]{0,2})$/.test(part) || Number(part) > 255) return undefined;
    ip = ip * 256 + Number(part);
  }
  return ip;
}

export function formatIpv4(ip: Ipv4): string {
  return `${ip >>> 24}.${(ip >>> 16) & 255}.${(ip >>> 8) & 255}.${ip & 255}`;
}

export function readIpv4(bytes: Uint8Array, at: number): Ipv4 {
  return (
    (((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0)) >>> 0
  );
}

export function ipv4Bytes(...addresses: readonly Ipv4[]): Uint8Array {
  const bytes = new Uint8Array(addresses.length * 4);
  addresses.forEach((ip, i) => writeIpv4(bytes, i * 4, ip));
  return bytes;
}

export function writeIpv4(bytes: Uint8Array, at: number, ip: Ipv4): void {
  bytes[at] = ip >>> 24;
  bytes[at + 1] = ip >>> 16;
  bytes[at + 2] = ip >>> 8;
  bytes[at + 3] = ip;
}

export interface Ipv4Network {
  readonly base: Ipv4;
  readonly prefix: number;
}

/** `192.168.1.0/24`; the host part may be set and is dropped. */
export function parseNetwork(text: string): Ipv4Network | undefined {
  const slash = text.indexOf("/");
  const ip = parseIpv4(text.slice(0, Math.max(0, slash)));
  const length = text.slice(slash + 1);
  if (slash < 0 || ip === undefined || !/^[0-9]{1,2}$/.test(length) || Number(length) > 32) return undefined;
  const prefix = Number(length);
  return { base: (ip & maskOf(prefix)) >>> 0, prefix };
}

export function maskOf(prefix: number): Ipv4 {
  return prefix === 0 ? 0 : (BROADCAST << (32 - prefix)) >>> 0;
}

export function isInside(ip: Ipv4, { base, prefix }: Ipv4Network): boolean {
  return (ip & maskOf(prefix)) >>> 0 === base;
}

export function broadcastOf({ base, prefix }: Ipv4Network): Ipv4 {
  return (base | ~maskOf(prefix)) >>> 0;
}
