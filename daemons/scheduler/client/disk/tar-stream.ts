import { join } from "node:path/posix";
import type { Disk, FileStat } from "#base/env/disk.ts";

const BLOCK = 512;
const PIECE_BYTES = 64 * 1024;
/** Deepest folder that is looked into: the names of deeper ones would not fit a path anyway. */
const MAX_DEPTH = 100;

export interface TarSource {
  readonly disk: Disk;
  readonly root: string;
  /** Below `root`; those that are missing are left out. */
  readonly folders: readonly string[];
}

/**
 * Folders with all they hold as a tar archive (POSIX pax interchange format), by names relative to `root`. Links and
 * special files are left out. A file that shrinks while it is read is filled up with zeros, one that grows is cut.
 */
export async function* tarStream({ disk, root, folders }: TarSource): AsyncGenerator<Uint8Array> {
  for (const folder of folders) yield* entry({ disk, root }, folder, 0);
  yield Buffer.alloc(2 * BLOCK);
}

async function* entry(from: Pick<TarSource, "disk" | "root">, name: string, depth: number): AsyncGenerator<Uint8Array> {
  const path = join(from.root, name);
  const stat = await from.disk.stat(path);
  if (stat?.kind === "file") {
    yield headerOf(name, stat);
    yield* content(from.disk, path, stat.size);
  }
  if (stat?.kind !== "directory" || depth > MAX_DEPTH) return;
  yield headerOf(`${name}/`, stat);
  for (const child of await from.disk.list(path)) yield* entry(from, join(name, child), depth + 1);
}

async function* content(disk: Disk, path: string, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < size;) {
    const length = Math.min(PIECE_BYTES, size - at);
    const read = (await disk.readAt(path, at, length)) ?? new Uint8Array();
    const piece = read.length === 0 ? Buffer.alloc(length) : read;
    at += piece.length;
    yield piece;
  }
  const rest = (BLOCK - (size % BLOCK)) % BLOCK;
  if (rest > 0) yield Buffer.alloc(rest);
}

/** With a pax header before it where the name or the size does not fit the old one. */
function headerOf(name: string, stat: FileStat): Buffer {
  const size = stat.kind === "file" ? stat.size : 0;
  const records = [
    ...(Buffer.byteLength(name) > 100 || /[^ -~]/.test(name) ? [paxRecord("path", name)] : []),
    ...(size >= 8 ** 11 ? [paxRecord("size", String(size))] : []),
  ];
  const type = stat.kind === "directory" ? "5" : "0";
  const plain = block({ name, size: size >= 8 ** 11 ? 0 : size, type, stat });
  if (records.length === 0) return plain;
  const data = Buffer.concat(records);
  const padding = Buffer.alloc((BLOCK - (data.length % BLOCK)) % BLOCK);
  return Buffer.concat([block({ name: "pax", size: data.length, type: "x", stat }), data, padding, plain]);
}

/** `length key=value\n`, the length counting itself. */
function paxRecord(key: string, value: string): Buffer {
  const rest = Buffer.from(` ${key}=${value}\n`);
  let length = rest.length;
  while (rest.length + String(length).length !== length) length = rest.length + String(length).length;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}

interface Header {
  readonly name: string;
  readonly size: number;
  readonly type: string;
  readonly stat: FileStat;
}

function block({ name, size, type, stat }: Header): Buffer {
  const header = Buffer.alloc(BLOCK);
  const octal = (value: number, digits: number): string => `${value.toString(8).padStart(digits, "0")}\0`;
  header.write(name, 0, 100, "latin1");
  header.write(octal(stat.mode & 0o7777, 7), 100);
  header.write(octal(Math.min(stat.uid, 0o7777777), 7), 108);
  header.write(octal(Math.min(stat.gid, 0o7777777), 7), 116);
  header.write(octal(size, 11), 124);
  header.write(octal(Math.max(0, Math.floor(stat.modifiedMs / 1000)), 11), 136);
  header.write(`        ${type}`, 148);
  header.write("ustar\u000000", 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${octal(sum, 6)} `, 148);
  return header;
}
