import { concatBytes, utf8 } from "#base/env/bytes.ts";
import { ipv6Bytes, ipv6Text } from "#base/protocol/dns/address.ts";
import { OPTION } from "./codes.ts";
import {
  encodeOptions6,
  readOptions6,
  uint16Bytes,
  uint32,
  uint32Bytes,
  type Message6,
  type Option6,
} from "./message.ts";

export type AssociationKind = "address" | "prefix";

/** One thing a client wants or has: IA_NA (RFC 8415 §21.4) or IA_PD (§21.21). */
export interface Association {
  readonly kind: AssociationKind;
  readonly iaid: number;
  /** What it names: `fd00::1000`, or `fd00:1::/56`. The unspecified address, and prefixes that only hint at a length, are left out. */
  readonly items: readonly string[];
}

/** What is said about one. Times are in seconds; Infinity as 0xffffffff. */
export interface AssociationAnswer {
  readonly kind: AssociationKind;
  readonly iaid: number;
  readonly items: readonly { readonly text: string; readonly preferredS: number; readonly validS: number }[];
  readonly status: { readonly code: number; readonly message: string } | undefined;
}

/** In one message; more is an attack. */
const MAX_ASSOCIATIONS = 32;
const MAX_ITEMS = 32;
const ADDRESS_BYTES = 24;
const PREFIX_BYTES = 25;

/** All of a message's; what does not read is left out. */
export function associationsOf({ options }: Message6): readonly Association[] {
  return options.flatMap(({ code, data }) => readAssociation(code, data) ?? []).slice(0, MAX_ASSOCIATIONS);
}

function readAssociation(code: number, data: Uint8Array): readonly Association[] | undefined {
  const kind = code === OPTION.iaNa ? "address" : code === OPTION.iaPd ? "prefix" : undefined;
  const inner = kind === undefined || data.length < 12 ? undefined : readOptions6(data.subarray(12));
  if (kind === undefined || inner === undefined) return undefined;
  const read = kind === "address" ? readAddress : readPrefix;
  return [{ kind, iaid: uint32(data, 0), items: inner.flatMap(read).slice(0, MAX_ITEMS) }];
}

function readAddress({ code, data }: Option6): readonly string[] {
  if (code !== OPTION.iaAddress || data.length < ADDRESS_BYTES || isZero(data.subarray(0, 16))) return [];
  return [ipv6Text(data)];
}

function readPrefix({ code, data }: Option6): readonly string[] {
  const length = data[8] ?? 0;
  if (code !== OPTION.iaPrefix || data.length < PREFIX_BYTES || length > 128 || isZero(data.subarray(9, 25))) return [];
  return [`${ipv6Text(data, 9)}/${length}`];
}

export function encodeAssociation({ kind, iaid, items, status }: AssociationAnswer): Option6 {
  const longest = items.filter(({ validS }) => validS > 0).map(({ preferredS }) => preferredS);
  const preferredS = longest.length === 0 ? 0 : Math.min(...longest);
  // §14.2: at half and at four fifths of the shortest preferred life.
  const [t1, t2] = [seconds(preferredS * 0.5), seconds(preferredS * 0.8)];
  const inner = [
    ...items.map((item) => (kind === "address" ? addressOption(item) : prefixOption(item))),
    ...(status === undefined ? [] : [statusOption(status.code, status.message)]),
  ];
  return {
    code: kind === "address" ? OPTION.iaNa : OPTION.iaPd,
    data: concatBytes([uint32Bytes(iaid, t1, t2), encodeOptions6(inner)]),
  };
}

type Item = AssociationAnswer["items"][number];

function addressOption({ text, preferredS, validS }: Item): Option6 {
  const address = Uint8Array.from(ipv6Bytes(text) ?? []);
  return { code: OPTION.iaAddress, data: concatBytes([address, uint32Bytes(seconds(preferredS), seconds(validS))]) };
}

function prefixOption({ text, preferredS, validS }: Item): Option6 {
  const [address = "", length = ""] = text.split("/");
  const times = uint32Bytes(seconds(preferredS), seconds(validS));
  const bytes = [times, Uint8Array.of(Number(length)), Uint8Array.from(ipv6Bytes(address) ?? [])];
  return { code: OPTION.iaPrefix, data: concatBytes(bytes) };
}

export function statusOption(code: number, message: string): Option6 {
  return { code: OPTION.statusCode, data: concatBytes([uint16Bytes(code), utf8(message)]) };
}

const FOREVER = 0xff_ff_ff_ff;

function seconds(value: number): number {
  return Math.min(FOREVER, Math.floor(value));
}

function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0);
}
