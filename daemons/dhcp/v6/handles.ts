import { ipv6Bytes, ipv6Text } from "#base/protocol/dns/address.ts";
import type { AddressText } from "../leases/address-text.ts";

/** Numbers of one network: so many for its pools, and as many again for what is reserved elsewhere in it. */
export const PAGE = 65_536;
const PAGE_BITS = 16;

/** Addresses whose last 16 bits vary, or prefixes of one length out of a longer one: both are steps from a first one. */
export interface Page {
  /** The first number: a multiple of twice {@link PAGE}. */
  readonly base: number;
  readonly first: bigint;
  /** How many there are. */
  readonly count: number;
  /** Bits of an address: 128; or a delegated prefix's length. */
  readonly length: number;
}

/**
 * Numbers for IPv6 addresses and prefixes, so that what keeps IPv4's leases keeps these. A number means something only in
 * this process; wherever it leaves, it is written as the address itself.
 */
export class Handles implements AddressText {
  readonly #pages: readonly Page[];
  readonly #reserved = new Map<string, number>();
  readonly #texts = new Map<number, string>();

  /** `reserved` are those outside of the pools, by number. */
  constructor(pages: readonly Page[], reserved: ReadonlyMap<string, number>) {
    this.#pages = pages;
    for (const [text, number] of reserved) {
      this.#reserved.set(text, number);
      this.#texts.set(number, text);
    }
  }

  format(number: number): string {
    const reserved = this.#texts.get(number);
    if (reserved !== undefined) return reserved;
    const page = this.#pages.find(({ base }) => number >= base && number < base + PAGE);
    if (page === undefined) return "::";
    const { first, base, length } = page;
    const text = textOf(first + (BigInt(number - base) << BigInt(128 - length)));
    return length === 128 ? text : `${text}/${length}`;
  }

  parse(text: string): number | undefined {
    const slash = text.indexOf("/");
    const value = valueOf(slash < 0 ? text : text.slice(0, slash));
    if (value === undefined) return undefined;
    const wanted = slash < 0 ? 128 : Number(text.slice(slash + 1));
    for (const { base, first, count, length } of this.#pages) {
      if (length !== wanted || value < first) continue;
      const step = value - first;
      const at = step >> BigInt(128 - length);
      if (at < BigInt(count) && at << BigInt(128 - length) === step) return base + Number(at);
    }
    return this.#reserved.get(slash < 0 ? textOf(value) : `${textOf(value)}/${wanted}`);
  }
}

/** The page an address is in: all that share its first 112 bits. */
export function pageStart(value: bigint): bigint {
  return (value >> BigInt(PAGE_BITS)) << BigInt(PAGE_BITS);
}

export function valueOf(text: string): bigint | undefined {
  const bytes = ipv6Bytes(text);
  return bytes === undefined ? undefined : BigInt(`0x${Buffer.from(bytes).toString("hex")}`);
}

export function textOf(value: bigint): string {
  return ipv6Text(Buffer.from(value.toString(16).padStart(32, "0"), "hex"));
}

export interface Network6 {
  readonly base: bigint;
  readonly length: number;
}

/** `fd00:1::/64`; bits behind the prefix are dropped. */
export function parseNetwork6(text: string): Network6 | undefined {
  const [address = "", length = "", ...more] = text.split("/");
  const value = valueOf(address);
  if (value === undefined || more.length > 0 || !/^[0-9]{1,3}$/.test(length) || Number(length) > 128) return undefined;
  const rest = BigInt(128 - Number(length));
  return { base: (value >> rest) << rest, length: Number(length) };
}

export function networkText({ base, length }: Network6): string {
  return `${textOf(base)}/${length}`;
}

export function isInside6(value: bigint, { base, length }: Network6): boolean {
  const rest = BigInt(128 - length);
  return (value >> rest) << rest === base;
}
