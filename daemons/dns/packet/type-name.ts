/** Names of RR types people meet (https://www.iana.org/assignments/dns-parameters). */
const NAMES: Readonly<Record<string, number>> = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  HINFO: 13,
  MX: 15,
  TXT: 16,
  AAAA: 28,
  LOC: 29,
  SRV: 33,
  NAPTR: 35,
  DNAME: 39,
  DS: 43,
  SSHFP: 44,
  RRSIG: 46,
  NSEC: 47,
  DNSKEY: 48,
  NSEC3: 50,
  TLSA: 52,
  SVCB: 64,
  HTTPS: 65,
  SPF: 99,
  AXFR: 252,
  ANY: 255,
  CAA: 257,
};

const BY_NUMBER: ReadonlyMap<number, string> = new Map(Object.entries(NAMES).map(([name, number]) => [number, name]));

/** `AAAA` or `TYPE28` (RFC 3597 §5), in any case. */
export function typeNumber(name: string): number | undefined {
  const upper = name.toUpperCase();
  const known = NAMES[upper];
  if (known !== undefined) return known;
  const [, digits] = /^TYPE(\d{1,5})$/.exec(upper) ?? [];
  return digits === undefined || Number(digits) > 65_535 ? undefined : Number(digits);
}

export function typeName(type: number): string {
  return BY_NUMBER.get(type) ?? `TYPE${type}`;
}
