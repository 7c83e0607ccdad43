import { utf8 } from "#base/env/bytes.ts";

/** Tags of DER (ITU-T X.690, section 8). */
const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bits: 0x03,
  octets: 0x04,
  oid: 0x06,
  utf8: 0x0c,
  printable: 0x13,
  utcTime: 0x17,
  time: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** A value with its tag and its length before it. */
export function der(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const content = Buffer.concat(parts);
  const size = content.length;
  const bytes = size < 128 ? [] : bigEndian(BigInt(size));
  const length = size < 128 ? [size] : [0x80 | bytes.length, ...bytes];
  return Buffer.concat([Uint8Array.of(tag, ...length), content]);
}

export const sequence = (...parts: readonly Uint8Array[]): Uint8Array => der(TAG.sequence, ...parts);
export const setOf = (...parts: readonly Uint8Array[]): Uint8Array => der(TAG.set, ...parts);
export const octets = (bytes: Uint8Array): Uint8Array => der(TAG.octets, bytes);
export const yes = (): Uint8Array => der(TAG.boolean, Uint8Array.of(0xff));

/** `unused`: how many of the last bits do not count. */
export function bits(bytes: Uint8Array, unused = 0): Uint8Array {
  return der(TAG.bits, Uint8Array.of(unused), bytes);
}

/** Not below zero. */
export function integer(value: bigint): Uint8Array {
  const bytes = value === 0n ? [0] : bigEndian(value);
  return der(TAG.integer, Uint8Array.from((bytes[0] ?? 0) >= 0x80 ? [0, ...bytes] : bytes));
}

/** `1.2.840.113549`. */
export function oid(text: string): Uint8Array {
  const [first = 0, second = 0, ...rest] = text.split(".").map(Number);
  return der(TAG.oid, Uint8Array.from([first * 40 + second, ...rest].flatMap(base128)));
}

/** A name of letters, digits and some signs goes as such, everything else as UTF-8. */
export function nameText(text: string): Uint8Array {
  return der(/^[A-Za-z0-9 '()+,./:=?-]*$/.test(text) ? TAG.printable : TAG.utf8, utf8(text));
}

/** Seconds count; from 2050 on the year has four digits (RFC 5280, section 4.1.2.5). */
export function time(ms: number): Uint8Array {
  const text = `${new Date(ms).toISOString().replace(/\.\d+/, "").replaceAll(/[-:T]/g, "")}`;
  const year = Number(text.slice(0, 4));
  return year < 2050 ? der(TAG.utcTime, utf8(text.slice(2))) : der(TAG.time, utf8(text));
}

export interface DerValue {
  readonly tag: number;
  readonly content: Uint8Array;
  /** With tag and length. */
  readonly whole: Uint8Array;
}

/** The values one after the other; undefined: they are none. */
export function readDer(bytes: Uint8Array): readonly DerValue[] | undefined {
  const values: DerValue[] = [];
  for (let at = 0; at < bytes.length;) {
    const [tag, short] = [bytes[at], bytes[at + 1]];
    if (tag === undefined || short === undefined) return undefined;
    const more = short < 128 ? 0 : short & 0x7f;
    if (more > 4) return undefined;
    const size =
      more === 0 ? short : [...bytes.subarray(at + 2, at + 2 + more)].reduce((sum, each) => sum * 256 + each, 0);
    const from = at + 2 + more;
    if (from + size > bytes.length) return undefined;
    values.push({ tag, content: bytes.subarray(from, from + size), whole: bytes.subarray(at, from + size) });
    at = from + size;
  }
  return values;
}

/** Unsigned. */
export function numberOf(bytes: Uint8Array): bigint {
  return bytes.length === 0 ? 0n : BigInt(`0x${Buffer.from(bytes).toString("hex")}`);
}

function bigEndian(value: bigint): number[] {
  const hex = value.toString(16);
  return [...Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, "hex")];
}

function base128(value: number): number[] {
  const bytes = [value % 128];
  for (let rest = Math.floor(value / 128); rest > 0; rest = Math.floor(rest / 128)) bytes.unshift(0x80 | (rest % 128));
  return bytes;
}
