import { crc32, deflateRawSync, inflateRawSync } from "node:zlib";
import { fail, messageOf, succeed, type Result } from "#base/env/errors.ts";

export interface ArchiveFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

export const MAX_FILES = 1000;
/** Of one file, unpacked. */
export const MAX_FILE_BYTES = 64 * 1024 * 1024;
const MAX_TOTAL_BYTES = 256 * 1024 * 1024;

const LOCAL = 0x04034b50;
const CENTRAL = 0x02014b50;
const END = 0x06054b50;
const STORED = 0;
const DEFLATED = 8;
/** 1980-01-01, the beginning of the format's time. */
const DOS_DATE = 0x21;

/** ZIP (PKWARE's APPNOTE 6.3.3 §4), without encryption or 64-bit sizes. */
export function writeZip(files: readonly ArchiveFile[]): Uint8Array {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let at = 0;
  for (const { name, bytes } of files) {
    const label = Buffer.from(name);
    const packed = deflateRawSync(bytes);
    const shared = Buffer.alloc(26);
    shared.writeUInt16LE(20, 0);
    shared.writeUInt16LE(0x0800, 2);
    shared.writeUInt16LE(DEFLATED, 4);
    shared.writeUInt16LE(DOS_DATE, 8);
    shared.writeUInt32LE(crc32(bytes), 10);
    shared.writeUInt32LE(packed.length, 14);
    shared.writeUInt32LE(bytes.length, 18);
    shared.writeUInt16LE(label.length, 22);
    const local = Buffer.alloc(4);
    local.writeUInt32LE(LOCAL);
    const central = Buffer.alloc(6);
    central.writeUInt32LE(CENTRAL);
    central.writeUInt16LE(20, 4);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(at, 10);
    directory.push(central, shared, tail, label);
    parts.push(local, shared, label, packed);
    at += 4 + 26 + label.length + packed.length;
  }
  const size = directory.reduce((sum, part) => sum + part.length, 0);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(END);
  end.writeUInt16LE(files.length, 8);
  end.writeUInt16LE(files.length, 10);
  end.writeUInt32LE(size, 12);
  end.writeUInt32LE(at, 16);
  return Buffer.concat([...parts, ...directory, end]);
}

/** Whatever the bytes are, a result. */
export function readZip(given: Uint8Array): Result<ArchiveFile[]> {
  try {
    return succeed(readEntries(Buffer.from(given.buffer, given.byteOffset, given.length)));
  } catch (thrown) {
    return fail("bad_archive", `this is no ZIP archive that can be read: ${messageOf(thrown)}`);
  }
}

function readEntries(zip: Buffer): ArchiveFile[] {
  const end = zip.lastIndexOf(Buffer.from([0x50, 0x4b, 5, 6]));
  if (end < 0) throw new Error("its directory is missing");
  const count = zip.readUInt16LE(end + 10);
  if (count > MAX_FILES) throw new Error(`it has ${count} files; ${MAX_FILES} are possible`);
  const files: ArchiveFile[] = [];
  let at = zip.readUInt32LE(end + 16);
  let total = 0;
  for (let n = 0; n < count; n++) {
    if (zip.readUInt32LE(at) !== CENTRAL) throw new Error("its directory is damaged");
    const method = zip.readUInt16LE(at + 10);
    const sum = zip.readUInt32LE(at + 16);
    const [packed, size] = [zip.readUInt32LE(at + 20), zip.readUInt32LE(at + 24)];
    const [label, extra, comment] = [zip.readUInt16LE(at + 28), zip.readUInt16LE(at + 30), zip.readUInt16LE(at + 32)];
    const start = zip.readUInt32LE(at + 42);
    const name = zip.toString("utf8", at + 46, at + 46 + label);
    at += 46 + label + extra + comment;
    if (name.endsWith("/")) continue;
    total += size;
    if (size > MAX_FILE_BYTES || total > MAX_TOTAL_BYTES) throw new Error(`${name} is too large`);
    if (zip.readUInt32LE(start) !== LOCAL) throw new Error(`${name} is damaged`);
    const from = start + 30 + zip.readUInt16LE(start + 26) + zip.readUInt16LE(start + 28);
    const bytes = unpack(zip.subarray(from, from + packed), method, name);
    if (bytes.length !== size || crc32(bytes) !== sum) throw new Error(`${name} is damaged`);
    files.push({ name, bytes });
  }
  return files;
}

function unpack(bytes: Uint8Array, method: number, name: string): Uint8Array {
  if (method === STORED) return bytes;
  if (method === DEFLATED) return inflateRawSync(bytes, { maxOutputLength: MAX_FILE_BYTES });
  throw new Error(`${name} is packed by method ${method}`);
}
