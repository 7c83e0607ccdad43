import { concatBytes, utf8 } from "#base/env/bytes.ts";
import { Float, type WireMap, type WireValue } from "./value.ts";

/** MessagePack without `str8` and `bin`: peers that know only "raw" read it too. */
export function encodeValue(value: WireValue): Uint8Array {
  const parts: Uint8Array[] = [];
  write(value, parts);
  return concatBytes(parts);
}

function write(value: WireValue, to: Uint8Array[]): void {
  if (value === null) to.push(Uint8Array.of(0xc0));
  else if (typeof value === "boolean") to.push(Uint8Array.of(value ? 0xc3 : 0xc2));
  else if (typeof value === "number") to.push(Number.isInteger(value) ? whole(value) : float(value));
  else if (typeof value === "bigint") to.push(wide(value));
  else if (typeof value === "string") writeRaw(utf8(value), to);
  else if (value instanceof Uint8Array) writeRaw(value, to);
  else if (value instanceof Float) to.push(float(value.value));
  else if (isList(value)) {
    to.push(head(value.length, { fixed: 0x90, fixedLimit: 16, wide16: 0xdc }));
    for (const item of value) write(item, to);
  } else writeMap(value, to);
}

function isList(value: readonly WireValue[] | WireMap): value is readonly WireValue[] {
  return Array.isArray(value);
}

function writeMap(value: WireMap, to: Uint8Array[]): void {
  const entries = Object.entries(value);
  to.push(head(entries.length, { fixed: 0x80, fixedLimit: 16, wide16: 0xde }));
  for (const [key, item] of entries) {
    writeRaw(utf8(key), to);
    write(item, to);
  }
}

function writeRaw(bytes: Uint8Array, to: Uint8Array[]): void {
  to.push(head(bytes.length, { fixed: 0xa0, fixedLimit: 32, wide16: 0xda }), bytes);
}

interface Heads {
  readonly fixed: number;
  readonly fixedLimit: number;
  /** The tag for 16 bits of length; that for 32 bits follows it. */
  readonly wide16: number;
}

function head(length: number, { fixed, fixedLimit, wide16 }: Heads): Uint8Array {
  if (length < fixedLimit) return Uint8Array.of(fixed | length);
  if (length <= 0xffff) return Uint8Array.of(wide16, length >>> 8, length & 0xff);
  const bytes = new Uint8Array(5);
  bytes[0] = wide16 + 1;
  new DataView(bytes.buffer).setUint32(1, length);
  return bytes;
}

function whole(value: number): Uint8Array {
  if (value >= 0 && value < 0x80) return Uint8Array.of(value);
  if (value < 0 && value >= -32) return Uint8Array.of(value & 0xff);
  if (value > 0 && value <= 0xff) return Uint8Array.of(0xcc, value);
  if (value > 0 && value <= 0xffff) return Uint8Array.of(0xcd, value >>> 8, value & 0xff);
  if (value > 0 && value <= 0xffff_ffff) {
    const bytes = new Uint8Array(5);
    bytes[0] = 0xce;
    new DataView(bytes.buffer).setUint32(1, value);
    return bytes;
  }
  return Number.isSafeInteger(value) ? wide(BigInt(value)) : float(value);
}

function wide(value: bigint): Uint8Array {
  const bytes = new Uint8Array(9);
  const view = new DataView(bytes.buffer);
  bytes[0] = value < 0n ? 0xd3 : 0xcf;
  if (value < 0n) view.setBigInt64(1, value);
  else view.setBigUint64(1, value);
  return bytes;
}

function float(value: number): Uint8Array {
  const bytes = new Uint8Array(9);
  bytes[0] = 0xcb;
  new DataView(bytes.buffer).setFloat64(1, value);
  return bytes;
}
