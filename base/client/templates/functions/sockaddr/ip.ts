/** An address with the mask of its network, as numbers. */
export interface Ip {
  readonly version: 4 | 6;
  readonly address: bigint;
  readonly maskBits: number;
}

const V4_PART = /^(?:0|[1-9]\d{0,2})$/;

/** `10.0.0.1`, `10.0.0.0/8`, `fe80::1/64`; undefined: it is none. Without a mask it is a network of one. */
export function parseIp(text: string): Ip | undefined {
  const [address = "", bits, more] = text.split("/");
  const version = address.includes(":") ? 6 : 4;
  const width = version === 4 ? 32 : 128;
  if (more !== undefined || (bits !== undefined && !/^\d{1,3}$/.test(bits))) return undefined;
  const maskBits = bits === undefined ? width : Number(bits);
  const number = version === 4 ? parseV4(address) : parseV6(address);
  return number === undefined || maskBits > width ? undefined : { version, address: number, maskBits };
}

export function widthOf({ version }: Ip): number {
  return version === 4 ? 32 : 128;
}

/** Ones where the network is. */
export function maskOf(ip: Ip): bigint {
  const width = BigInt(widthOf(ip));
  const host = (1n << (width - BigInt(ip.maskBits))) - 1n;
  return ((1n << width) - 1n) ^ host;
}

export function networkOf(ip: Ip): bigint {
  return ip.address & maskOf(ip);
}

/** The network's last address. */
export function lastOf(ip: Ip): bigint {
  return ip.address | ((1n << BigInt(widthOf(ip) - ip.maskBits)) - 1n);
}

export function contains(network: Ip, ip: Ip): boolean {
  return (
    network.version === ip.version &&
    network.maskBits <= ip.maskBits &&
    networkOf(network) === (ip.address & maskOf(network))
  );
}

/** The address alone. */
export function printAddress({ version, address }: Pick<Ip, "version" | "address">): string {
  if (version === 4) return octetsOf(address, 4).join(".");
  const groups = octetsOf(address, 16).flatMap((octet, index, all) =>
    index % 2 === 0 ? [((octet << 8) | (all[index + 1] ?? 0)).toString(16)] : [],
  );
  const zeros = [...groups.join(":").matchAll(/(?:^|(?<=:))0(?::0)+(?=$|:)/g)].map(([run]) => run);
  const longest = zeros.reduce((best, run) => (run.length > best.length ? run : best), "");
  if (longest === "") return groups.join(":");
  const at = zeros.indexOf(longest);
  let seen = -1;
  return groups
    .join(":")
    .replaceAll(/(?:^|(?<=:))0(?::0)+(?=$|:)/g, (run) => (++seen === at ? "|" : run))
    .replace(/:?\|:?/, "::");
}

/** With its mask, where that is not the whole address. */
export function printIp(ip: Ip): string {
  return ip.maskBits === widthOf(ip) ? printAddress(ip) : `${printAddress(ip)}/${ip.maskBits}`;
}

export function octetsOf(address: bigint, count: number): readonly number[] {
  return Array.from({ length: count }, (_, index) => Number((address >> BigInt((count - 1 - index) * 8)) & 255n));
}

function parseV4(text: string): bigint | undefined {
  const parts = text.split(".");
  if (parts.length !== 4 || !parts.every((part) => V4_PART.test(part) && Number(part) < 256)) return undefined;
  return parts.reduce((sum, part) => (sum << 8n) | BigInt(part), 0n);
}

function parseV6(text: string): bigint | undefined {
  const bare = text.split("%", 1)[0] ?? "";
  const [left = "", right, more] = bare.split("::");
  if (more !== undefined) return undefined;
  const groupsOf = (side: string): readonly string[] => (side === "" ? [] : side.split(":"));
  const [head, tail] = [groupsOf(left), groupsOf(right ?? "")];
  const missing = 8 - head.length - tail.length;
  if (right === undefined ? missing !== 0 : missing < 1) return undefined;
  const groups = [...head, ...Array.from({ length: Math.max(0, missing) }, () => "0"), ...tail];
  if (!groups.every((group) => /^[\da-fA-F]{1,4}$/.test(group))) return undefined;
  return groups.reduce((sum, group) => (sum << 16n) | BigInt(`0x${group}`), 0n);
}
