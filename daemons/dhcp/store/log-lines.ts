import { crc32 } from "node:zlib";
import * as v from "valibot";
import { textOf, utf8 } from "#base/env/bytes.ts";
import { IPV4_TEXT, type AddressText } from "../leases/address-text.ts";
import { leaseJson, parseLease, type Lease } from "../leases/lease.ts";
import type { Ipv4 } from "../packet/ipv4.ts";

/** One step of what happened: a lease as it is now, or an address that is remembered no more. */
export type LogEntry = { readonly put: Lease } | { readonly drop: Ipv4; readonly text: string };

export interface ReadLog {
  readonly entries: readonly LogEntry[];
  /** Bytes that make sense: a torn end was never acknowledged. */
  readonly size: number;
  /** Lines before the end that do not read. */
  readonly broken: number;
}

const line = v.array(v.unknown());
const NEWLINE = 10;

/** Eight hexadecimal digits of CRC-32, a space, a JSON list, a line feed: a group is there whole or not at all. */
export function encodeLine(entries: readonly LogEntry[], addresses?: AddressText): Uint8Array {
  const text = JSON.stringify(entries.map((entry) => ("put" in entry ? leaseJson(entry.put, addresses) : entry.text)));
  return utf8(`${crc32(text).toString(16).padStart(8, "0")} ${text}\n`);
}

export function readLines(bytes: Uint8Array, addresses: AddressText = IPV4_TEXT): ReadLog {
  const entries: LogEntry[] = [];
  let [size, broken, pending] = [0, 0, 0];
  for (let at = 0; at < bytes.length;) {
    const end = bytes.indexOf(NEWLINE, at);
    const stop = end < 0 ? bytes.length : end;
    const read = end < 0 ? undefined : parseLine(textOf(bytes.subarray(at, stop)), addresses);
    if (read === undefined) pending += 1;
    else {
      // What does not read and has whole lines behind it is not a torn end.
      broken += pending;
      pending = 0;
      entries.push(...read);
      size = stop + 1;
    }
    at = stop + 1;
  }
  return { entries, size, broken };
}

function parseLine(text: string, addresses: AddressText): readonly LogEntry[] | undefined {
  const content = text.slice(9);
  if (text[8] !== " " || crc32(content).toString(16).padStart(8, "0") !== text.slice(0, 8)) return undefined;
  try {
    const parsed = v.safeParse(line, JSON.parse(content));
    return parsed.success ? parsed.output.flatMap((raw) => entryOf(raw, addresses)) : undefined;
  } catch {
    return undefined;
  }
}

function entryOf(raw: unknown, addresses: AddressText): readonly LogEntry[] {
  if (typeof raw === "string") {
    const ip = addresses.parse(raw);
    return ip === undefined ? [] : [{ drop: ip, text: raw }];
  }
  const lease = parseLease(raw, addresses);
  return lease === undefined ? [] : [{ put: lease }];
}
