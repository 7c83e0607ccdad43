/** The four bytes of a dotted IPv4 address; undefined for anything else (no leading zeros, no short forms). */
export function ipv4Bytes(text: string): readonly number[] | undefined {
  // Read by hand: this runs for every address of every answer.
  const bytes: number[] = [];
  let value = -1;
  for (let i = 0; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 48;
    if (digit === -2) {
      if (value < 0) return undefined;
      bytes.push(value);
      value = -1;
      continue;
    }
    if (digit < 0 || digit > 9 || value === 0) return undefined;
    value = value < 0 ? digit : value * 10 + digit;
    if (value > 255) return undefined;
  }
  if (value < 0) return undefined;
  bytes.push(value);
  return bytes.length === 4 ? bytes : undefined;
}

export function ipv4Text(bytes: ArrayLike<number>, at = 0): string {
  return `${bytes[at]}.${bytes[at + 1]}.${bytes[at + 2]}.${bytes[at + 3]}`;
}

/** The sixteen bytes of an IPv6 address (RFC 4291 §2.2, IPv4 tail included, zone not); undefined for anything else. */
export function ipv6Bytes(text: string): readonly number[] | undefined {
  const halves = text.split("::");
  if (halves.length > 2 || !text.includes(":")) return undefined;
  const head = groupBytes(halves[0] ?? "");
  const tail = groupBytes(halves[1] ?? "");
  if (head === undefined || tail === undefined) return undefined;
  const missing = 16 - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 2) return undefined;
  return [...head, ...Array.from({ length: missing }, () => 0), ...tail];
}

/** RFC 5952: lower case, the longest run of two or more zero groups shortened. */
export function ipv6Text(bytes: ArrayLike<number>, at = 0): string {
  const groups = Array.from({ length: 8 }, (_, i) => ((bytes[at + 2 * i] ?? 0) << 8) | (bytes[at + 2 * i + 1] ?? 0));
  let best = { start: 0, length: 0 };
  for (let start = 0; start < 8; start++) {
    let length = 0;
    while (start + length < 8 && groups[start + length] === 0) length += 1;
    if (length > best.length) best = { start, length };
  }
  const hex = (from: number, to: number): string =>
    groups
      .slice(from, to)
      .map((group) => group.toString(16))
      .join(":");
  if (best.length < 2) return hex(0, 8);
  return `${hex(0, best.start)}::${hex(best.start + best.length, 8)}`;
}

export function addressFamily(text: string): 4 | 6 | undefined {
  if (ipv4Bytes(text) !== undefined) return 4;
  return ipv6Bytes(text) === undefined ? undefined : 6;
}

function groupBytes(text: string): number[] | undefined {
  if (text === "") return [];
  const bytes: number[] = [];
  const groups = text.split(":");
  for (const [i, group] of groups.entries()) {
    if (/^[0-9a-fA-F]{1,4}$/.test(group)) {
      const value = Number.parseInt(group, 16);
      bytes.push(value >> 8, value & 255);
      continue;
    }
    const v4 = i === groups.length - 1 ? ipv4Bytes(group) : undefined;
    if (v4 === undefined) return undefined;
    bytes.push(...v4);
  }
  return bytes.length > 16 ? undefined : bytes;
}
