import { addressFamily, ipv4Bytes, ipv6Bytes } from "#base/protocol/dns/address.ts";
import { labelsOf } from "#base/protocol/dns/name.ts";
import { typeOf, type RecordData } from "#base/protocol/dns/record.ts";
import type { Settings } from "../settings/settings.ts";

export interface LocalRecord {
  readonly data: RecordData;
  readonly ttl: number;
}

/** Records by lower-case dotted name; a name may begin with `*.`. What is added first stays first. */
export class NameTable {
  readonly #names = new Map<string, LocalRecord[]>();
  readonly #parents = new Set<string>();

  get size(): number {
    return this.#names.size;
  }

  get(name: string): readonly LocalRecord[] | undefined {
    return this.#names.get(name);
  }

  /** Whether some name ends in `.name`: it then exists, though it has no records (RFC 8020). */
  hasBelow(name: string): boolean {
    return this.#parents.has(name);
  }

  names(): Iterable<string> {
    return this.#names.keys();
  }

  add(name: string, data: RecordData, ttl: number): void {
    const known = this.#names.get(name);
    if (known === undefined) {
      this.#names.set(name, [{ data, ttl }]);
      for (let dot = name.indexOf("."); dot >= 0; dot = name.indexOf(".", dot + 1))
        this.#parents.add(name.slice(dot + 1));
    } else if (!known.some((each) => JSON.stringify(each.data) === JSON.stringify(data))) known.push({ data, ttl });
  }

  /** An address and the name for it, both ways; the first name of an address is what it is called. */
  addAddress(name: string, address: string, ttl: number): void {
    const family = addressFamily(address);
    const labels = labelsOf(name);
    if (family === undefined || labels === undefined || labels.length === 0) return;
    this.add(name, family === 4 ? { kind: "A", address } : { kind: "AAAA", address }, ttl);
    const reverse = reverseName(address);
    if (!name.startsWith("*.") && !this.#names.has(reverse)) this.add(reverse, { kind: "PTR", target: labels }, ttl);
  }
}

/** `4.3.2.1.in-addr.arpa`, or the nibbles of `ip6.arpa` (RFC 1035 §3.5, RFC 3596 §2.5). */
export function reverseName(address: string): string {
  const v4 = ipv4Bytes(address);
  if (v4 !== undefined) return `${v4.toReversed().join(".")}.in-addr.arpa`;
  const nibbles = (ipv6Bytes(address) ?? []).flatMap((byte) => [byte >> 4, byte & 15]);
  return `${nibbles
    .toReversed()
    .map((nibble) => nibble.toString(16))
    .join(".")}.ip6.arpa`;
}

/** What a record of the settings says; undefined when its value is none of its type. */
export function recordData(type: Settings["local"]["records"][number]["type"], value: string): RecordData | undefined {
  const words = value.trim().split(/\s+/);
  const target = labelsOf(words.at(-1) ?? "");
  const numbers = words.slice(0, -1).map(Number);
  const areWords = numbers.every((number) => Number.isInteger(number) && number >= 0 && number <= 65_535);
  switch (type) {
    case "A":
      return addressFamily(value) === 4 ? { kind: "A", address: value } : undefined;
    case "AAAA":
      return addressFamily(value) === 6 ? { kind: "AAAA", address: value } : undefined;
    case "CNAME":
    case "PTR":
      return target === undefined || words.length !== 1 ? undefined : { kind: type, target };
    case "TXT":
      return { kind: "TXT", texts: value.match(/[^]{1,255}/g) ?? [""] };
    case "MX": {
      const [preference] = numbers;
      if (target === undefined || preference === undefined || words.length !== 2 || !areWords) return undefined;
      return { kind: "MX", preference, target };
    }
    case "SRV": {
      const [priority, weight, port] = numbers;
      if (priority === undefined || weight === undefined || port === undefined) return undefined;
      if (target === undefined || words.length !== 4 || !areWords) return undefined;
      return { kind: "SRV", priority, weight, port, target };
    }
    default:
      return type satisfies never;
  }
}

export function ofType(records: readonly LocalRecord[], type: number): readonly LocalRecord[] {
  return records.filter(({ data }) => typeOf(data) === type);
}

/** Lines of /etc/hosts: an address and its names. */
export function readHosts(text: string, take: (address: string, name: string) => void): void {
  for (const line of text.split("\n")) {
    const [address = "", ...names] = line.replace(/#.*/, "").trim().split(/\s+/);
    if (addressFamily(address) === undefined) continue;
    for (const name of names) take(address, name.toLowerCase().replace(/\.$/, ""));
  }
}
