/** An address as a number, with its family. */
export interface Ip {
  readonly family: 4 | 6;
  readonly value: bigint;
}

/** An address together with the length of its network's prefix: `192.168.1.1/24`. */
export interface Cidr extends Ip {
  readonly length: number;
}

const V4_BITS = 32;
const V6_BITS = 128;
const V4_PARTS = 4;
const V6_PARTS = 8;

/** IPv4 in dotted decimals without leading zeros (RFC 6943, 3.1.1), IPv6 as in RFC 4291, 2.2, without a zone. */
export function parseIp(text: string): Ip | undefined {
  if (!text.includes(":")) return parseV4(text);
  const value = parseV6(text);
  return value === undefined ? undefined : { family: 6, value };
}

export function parseCidr(text: string): Cidr | undefined {
  const slash = text.lastIndexOf("/");
  const ip = slash < 0 ? undefined : parseIp(text.slice(0, slash));
  const digits = text.slice(slash + 1);
  if (ip === undefined || !/^(0|[1-9]\d{0,2})$/.test(digits)) return undefined;
  const length = Number(digits);
  return length <= bitsOf(ip) ? { ...ip, length } : undefined;
}

/** `/24` for an address without one means the address alone. */
export function parseCidrOrIp(text: string): Cidr | undefined {
  const ip = parseIp(text);
  return ip === undefined ? parseCidr(text) : { ...ip, length: bitsOf(ip) };
}

/** The canonical text (RFC 5952 for IPv6). */
export function formatIp({ family, value }: Ip): string {
  if (family === 4) return [24n, 16n, 8n, 0n].map((shift) => String((value >> shift) & 0xffn)).join(".");
  const parts = Array.from({ length: V6_PARTS }, (_, at) => Number((value >> BigInt(16 * (7 - at))) & 0xffffn));
  const run = longestZeros(parts);
  const hex = (some: readonly number[]): string => some.map((part) => part.toString(16)).join(":");
  if (run.length < 2) return hex(parts);
  return `${hex(parts.slice(0, run.from))}::${hex(parts.slice(run.from + run.length))}`;
}

export function formatCidr(cidr: Cidr): string {
  return `${formatIp(cidr)}/${cidr.length}`;
}

/** The network an address with a prefix is in: host bits cleared. */
export function networkOf(cidr: Cidr): Cidr {
  const host = BigInt(bitsOf(cidr) - cidr.length);
  return { ...cidr, value: (cidr.value >> host) << host };
}

export function contains(network: Cidr, ip: Ip): boolean {
  if (network.family !== ip.family) return false;
  const host = BigInt(bitsOf(network) - network.length);
  return network.value >> host === ip.value >> host;
}

export function overlaps(one: Cidr, other: Cidr): boolean {
  return one.length <= other.length ? contains(one, other) : contains(other, one);
}

export function bitsOf({ family }: Pick<Ip, "family">): number {
  return family === 4 ? V4_BITS : V6_BITS;
}

function parseV4(text: string): Ip | undefined {
  const parts = text.split(".");
  if (parts.length !== V4_PARTS) return undefined;
  let value = 0n;
  for (const part of parts) {
    if (!/^(0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return undefined;
    value = (value << 8n) | BigInt(part);
  }
  return { family: 4, value };
}

function parseV6(text: string): bigint | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const [left, right] = halves.map(groupsOf);
  if (left === undefined || (halves.length === 2 && right === undefined)) return undefined;
  const known = left.length + (right?.length ?? 0);
  if (halves.length === 1 ? known !== V6_PARTS : known >= V6_PARTS) return undefined;
  const all = [...left, ...Array.from({ length: V6_PARTS - known }, () => 0), ...(right ?? [])];
  return all.reduce((value, part) => (value << 16n) | BigInt(part), 0n);
}

/** The 16-bit groups of one side of `::`; the last may be an IPv4 address. */
function groupsOf(text: string): readonly number[] | undefined {
  if (text === "") return [];
  const groups: number[] = [];
  const parts = text.split(":");
  for (const [at, part] of parts.entries()) {
    const v4 = at === parts.length - 1 && part.includes(".") ? parseV4(part) : undefined;
    if (v4 !== undefined) groups.push(Number(v4.value >> 16n), Number(v4.value & 0xffffn));
    else if (/^[0-9a-f]{1,4}$/i.test(part)) groups.push(Number.parseInt(part, 16));
    else return undefined;
  }
  return groups;
}

function longestZeros(parts: readonly number[]): { readonly from: number; readonly length: number } {
  let best = { from: 0, length: 0 };
  let from = 0;
  for (const [at, part] of parts.entries()) {
    if (part !== 0) from = at + 1;
    else if (at + 1 - from > best.length) best = { from, length: at + 1 - from };
  }
  return best;
}
