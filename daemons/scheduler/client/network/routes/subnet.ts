import { formatAddress, parseAddress, type Address } from "#base/language/hcl/functions/address.ts";

/** A range of addresses; what lies behind the prefix is zero. */
export interface Subnet extends Address {
  readonly prefix: number;
}

/** `10.1.2.0/24`, `fd00:1::/64` (RFC 4632, RFC 4291); undefined for anything else. */
export function parseSubnet(text: string): Subnet | undefined {
  const [base = "", length = "", ...more] = text.split("/");
  const address = parseAddress(base);
  if (address === undefined || more.length > 0 || !/^\d{1,3}$/.test(length)) return undefined;
  const prefix = Number(length);
  if (prefix > address.bits) return undefined;
  const shift = BigInt(address.bits - prefix);
  return { bits: address.bits, prefix, value: (address.value >> shift) << shift };
}

export function formatSubnet({ value, bits, prefix }: Subnet): string {
  return `${formatAddress(value, bits)}/${prefix}`;
}

export function overlaps(one: Subnet, other: Subnet): boolean {
  if (one.bits !== other.bits) return false;
  const shift = BigInt(one.bits - Math.min(one.prefix, other.prefix));
  return one.value >> shift === other.value >> shift;
}

export function holds(subnet: Subnet, { value, bits }: Address): boolean {
  return overlaps(subnet, { value, bits, prefix: bits });
}
