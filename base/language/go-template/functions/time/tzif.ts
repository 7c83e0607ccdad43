import { parsePosixZone } from "./posix-zone.ts";
import type { Zone, ZoneOffset } from "./zone.ts";

/** Reads a compiled time zone (RFC 8536), as in /usr/share/zoneinfo; undefined: it is none. */
export function readTzif(name: string, bytes: Uint8Array): Zone | undefined {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    const first = readHeader(file, 0);
    if (first === undefined) return undefined;
    if (first.version < 0x32) return zoneOf(name, readBlock(file, first, 4), "");
    const second = readHeader(file, blockEnd(first, 4));
    if (second === undefined) return undefined;
    const footer = file.toString("latin1", blockEnd(second, 8));
    return zoneOf(name, readBlock(file, second, 8), /^\n(.*)\n/.exec(footer)?.[1] ?? "");
  } catch {
    // Reading beyond the end of a short file.
    return undefined;
  }
}

interface Header {
  readonly version: number;
  readonly start: number;
  readonly counts: { readonly [name in "ut" | "std" | "leap" | "times" | "types" | "chars"]: number };
}
interface Block {
  readonly times: readonly number[];
  readonly kinds: readonly number[];
  readonly types: readonly (ZoneOffset & { readonly isDst: boolean })[];
}

const HEADER_LENGTH = 44;

function readHeader(file: Buffer, at: number): Header | undefined {
  if (file.toString("latin1", at, at + 4) !== "TZif") return undefined;
  const count = (index: number): number => file.readUInt32BE(at + 20 + index * 4);
  const counts = {
    ut: count(0),
    std: count(1),
    leap: count(2),
    times: count(3),
    types: count(4),
    chars: count(5),
  };
  return { version: file[at + 4] ?? 0, start: at + HEADER_LENGTH, counts };
}

function blockEnd({ start, counts }: Header, timeSize: number): number {
  const { times, types, chars, leap, std, ut } = counts;
  return start + times * (timeSize + 1) + types * 6 + chars + leap * (timeSize + 4) + std + ut;
}

function readBlock(file: Buffer, { start, counts }: Header, timeSize: 4 | 8): Block {
  const timeAt = (index: number): number =>
    timeSize === 4 ? file.readInt32BE(start + index * 4) : Number(file.readBigInt64BE(start + index * 8));
  const kindsAt = start + counts.times * timeSize;
  const typesAt = kindsAt + counts.times;
  const charsAt = typesAt + counts.types * 6;
  const names = file.toString("latin1", charsAt, charsAt + counts.chars);
  const indexes = (length: number): number[] => Array.from({ length }, (_, index) => index);
  return {
    times: indexes(counts.times).map(timeAt),
    kinds: indexes(counts.times).map((index) => file.readUInt8(kindsAt + index)),
    types: indexes(counts.types).map((index) => {
      const at = typesAt + index * 6;
      const abbreviation = /^[^\0]*/.exec(names.slice(file.readUInt8(at + 5)))?.[0] ?? "";
      return { offset: file.readInt32BE(at), isDst: file.readUInt8(at + 4) === 1, abbreviation };
    }),
  };
}

/** Before the first change the first standard time counts, after the last one the rule of the footer. */
function zoneOf(name: string, { times, kinds, types }: Block, footer: string): Zone | undefined {
  const initial = types.find((type) => !type.isDst) ?? types[0];
  if (initial === undefined) return undefined;
  const rule = footer === "" ? undefined : parsePosixZone(footer);
  const at = (seconds: number): ZoneOffset => {
    if (rule !== undefined && seconds >= (times.at(-1) ?? -Infinity)) return rule(seconds);
    const index = lastAtMost(times, seconds);
    return index === -1 ? initial : (types[kinds[index] ?? 0] ?? initial);
  };
  return { name, at, named: (abbreviation, wall) => offsetNamed({ at, types }, abbreviation, wall) };
}

/** First one that is in use at that time, then any. */
function offsetNamed(
  { at, types }: Pick<Block, "types"> & Pick<Zone, "at">,
  abbreviation: string,
  wall: number,
): number | undefined {
  const candidates = types.filter((type) => type.abbreviation === abbreviation);
  const inUse = candidates.find(({ offset }) => at(wall - offset).abbreviation === abbreviation);
  return (inUse ?? candidates[0])?.offset;
}

function lastAtMost(times: readonly number[], seconds: number): number {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((times[middle] ?? 0) <= seconds) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
