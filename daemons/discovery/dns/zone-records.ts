import { addressFamily } from "#base/protocol/dns/address.ts";
import { isName } from "#base/protocol/dns/name.ts";
import { CLASS, type RecordData, type ResourceRecord } from "#base/protocol/dns/record.ts";

export function record(name: readonly string[], ttl: number, data: RecordData): ResourceRecord {
  return { name, class: CLASS.IN, ttl, data };
}

export function addressRecord(name: readonly string[], ttl: number, address: string): readonly ResourceRecord[] {
  const family = addressFamily(address);
  if (family === undefined) return [];
  return [record(name, ttl, family === 4 ? { kind: "A", address } : { kind: "AAAA", address })];
}

/** Undefined for a part that cannot be a label: such a node is not reachable by name. */
export function nameUnder(domain: readonly string[], parts: readonly string[]): readonly string[] | undefined {
  const labels = [...parts.flatMap((part) => part.split(".")), ...domain];
  return isName(labels) ? labels : undefined;
}

export function endsWith(labels: readonly string[], tail: readonly string[]): boolean {
  const from = labels.length - tail.length;
  return from >= 0 && tail.every((label, i) => labels[from + i] === label);
}

/** TXT strings hold 255 bytes each. */
export function chunks(text: string): readonly string[] {
  const bytes = [...new TextEncoder().encode(text)].map((byte) => String.fromCharCode(byte)).join("");
  return bytes === "" ? [""] : (bytes.match(/[^]{1,255}/g) ?? []);
}
