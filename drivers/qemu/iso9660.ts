import { concatBytes } from "#base/env/bytes.ts";

export interface IsoFile {
  /** At most 64 letters, digits, dots and dashes. */
  readonly name: string;
  readonly data: Uint8Array;
}

const SECTOR = 2048;
const SYSTEM_AREA = 16;
/** Sectors 16 to 18 describe the volumes. Then both trees, each with a path table in two byte orders and one folder of one sector. */
const [L_TABLE, M_TABLE, JOLIET_L, JOLIET_M, FOLDER, JOLIET_FOLDER, FIRST_FILE] = [19, 20, 21, 22, 23, 24, 25] as const;
const PATH_TABLE_BYTES = 10;
/** "UCS-2 level 3" (Joliet specification, 1995): names as they were given. */
const JOLIET_ESCAPE = [0x25, 0x2f, 0x45];

/**
 * A CD with a few files in its root (ECMA-119 with Joliet), as cloud-init looks for one. The folder has to fit one sector:
 * about 20 files. https://ecma-international.org/publications-and-standards/standards/ecma-119/
 */
export function isoImage(label: string, files: readonly IsoFile[]): Uint8Array {
  let at: number = FIRST_FILE;
  const placed = files.map((file) => {
    const first = at;
    at += Math.max(1, Math.ceil(file.data.length / SECTOR));
    return { ...file, first };
  });
  const plain = placed.map((file, index) => ({ ...file, id: ascii(shortName(index)) }));
  const joliet = placed.map((file) => ({ ...file, id: ucs2(file.name) }));
  return concatBytes([
    new Uint8Array(SYSTEM_AREA * SECTOR),
    volume({ kind: 1, label: ascii(label), pad: 0x20, sectors: at, table: [L_TABLE, M_TABLE], folder: FOLDER }),
    volume({ kind: 2, label: ucs2(label), pad: 0, sectors: at, table: [JOLIET_L, JOLIET_M], folder: JOLIET_FOLDER }),
    sector([255, ...ascii("CD001"), 1]),
    pathTable(FOLDER, true),
    pathTable(FOLDER, false),
    pathTable(JOLIET_FOLDER, true),
    pathTable(JOLIET_FOLDER, false),
    folder(FOLDER, plain),
    folder(JOLIET_FOLDER, joliet),
    ...placed.flatMap(({ data }) => [data, new Uint8Array(padding(data.length))]),
  ]);
}

interface Volume {
  readonly kind: 1 | 2;
  readonly label: readonly number[];
  readonly pad: number;
  readonly sectors: number;
  readonly table: readonly [number, number];
  readonly folder: number;
}

/** ECMA-119, 8.4 and 8.5. */
function volume({ kind, label, pad, sectors, table, folder: root }: Volume): Uint8Array {
  const out = sector([kind, ...ascii("CD001"), 1]);
  const blank = (from: number, length: number): void => {
    if (kind === 1) out.fill(pad, from, from + length);
    else for (let each = 0; each < length; each += 2) out.set([0, 0x20], from + each);
  };
  blank(8, 32);
  blank(40, 32);
  out.set(label.slice(0, 32), 40);
  out.set(both32(sectors), 80);
  if (kind === 2) out.set(JOLIET_ESCAPE, 88);
  out.set(both16(1), 120);
  out.set(both16(1), 124);
  out.set(both16(SECTOR), 128);
  out.set(both32(PATH_TABLE_BYTES), 132);
  out.set(little32(table[0]), 140);
  out.set(big32(table[1]), 148);
  out.set(record({ id: [0], first: root, bytes: SECTOR, isFolder: true }), 156);
  blank(190, 623);
  for (const at of [813, 830, 847, 864]) out.set([...ascii("0".repeat(16)), 0], at);
  out[881] = 1;
  return out;
}

/** 9.4: the root alone. */
function pathTable(folderAt: number, isLittle: boolean): Uint8Array {
  return sector([1, 0, ...(isLittle ? little32(folderAt) : big32(folderAt)), ...(isLittle ? [1, 0] : [0, 1]), 0, 0]);
}

interface Entry {
  readonly id: readonly number[];
  readonly first: number;
  readonly data: Uint8Array;
}

/** 9.1: itself, its parent, then the files by name. */
function folder(at: number, entries: readonly Entry[]): Uint8Array {
  const sorted = entries.toSorted((a, b) => compare(a.id, b.id));
  const itself = { first: at, bytes: SECTOR, isFolder: true };
  return sector([
    ...record({ id: [0], ...itself }),
    ...record({ id: [1], ...itself }),
    ...sorted.flatMap(({ id, first, data }) => [...record({ id, first, bytes: data.length, isFolder: false })]),
  ]);
}

function record(entry: {
  readonly id: readonly number[];
  readonly first: number;
  readonly bytes: number;
  readonly isFolder: boolean;
}): Uint8Array {
  const length = 33 + entry.id.length + (entry.id.length % 2 === 0 ? 1 : 0);
  const out = new Uint8Array(length);
  out[0] = length;
  out.set(both32(entry.first), 2);
  out.set(both32(entry.bytes), 10);
  // Recorded on 1 January 2000, so that equal files make equal images.
  out.set([100, 1, 1, 0, 0, 0, 0], 18);
  out[25] = entry.isFolder ? 2 : 0;
  out.set(both16(1), 28);
  out[32] = entry.id.length;
  out.set(entry.id, 33);
  return out;
}

/** For readers without Joliet, who know capitals and eight letters. */
function shortName(index: number): string {
  return `FILE${index}.;1`;
}

function compare(a: readonly number[], b: readonly number[]): number {
  for (let at = 0; at < Math.min(a.length, b.length); at++) {
    const difference = (a[at] ?? 0) - (b[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

function sector(start: ArrayLike<number>): Uint8Array {
  const out = new Uint8Array(SECTOR);
  out.set(start);
  return out;
}

function padding(length: number): number {
  return Math.max(1, Math.ceil(length / SECTOR)) * SECTOR - length;
}

function ascii(text: string): number[] {
  return Array.from(text, (letter) => letter.charCodeAt(0) & 0x7f);
}

function ucs2(text: string): number[] {
  return Array.from(text, (letter) => letter.charCodeAt(0)).flatMap((code) => [code >> 8, code & 0xff]);
}

function little32(value: number): number[] {
  return [value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24];
}

function big32(value: number): number[] {
  return little32(value).toReversed();
}

function both32(value: number): number[] {
  return [...little32(value), ...big32(value)];
}

function both16(value: number): number[] {
  return [value & 0xff, value >>> 8, value >>> 8, value & 0xff];
}
