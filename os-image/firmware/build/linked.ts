import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

/** elf(5), of 64 bits and little-endian, as all our processors have it. */
const MAGIC = Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1]);
const HEADER_BYTES = 64;
const SEGMENT_BYTES = 56;
const ENTRY_BYTES = 16;
const PT_LOAD = 1;
const PT_DYNAMIC = 2;
const DT_NULL = 0n;
const DT_NEEDED = 1n;
const DT_STRTAB = 5n;

/**
 * Libraries that programs and libraries of a tree are linked to and that no file of it is called by: what was taken out, and is
 * needed after all. @returns a line for each, with who needs it
 */
export async function missingLibraries(root: string): Promise<readonly string[]> {
  const names = new Set<string>();
  const users = new Map<string, string[]>();
  const walk = async (folder: string): Promise<void> => {
    for (const entry of await readdir(join(root, folder), { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) await walk(path);
      else names.add(entry.name);
      if (!entry.isFile() || /\.ko(\.xz)?$/.test(path)) continue;
      for (const library of neededBy(await readFile(join(root, path))))
        users.set(library, [...(users.get(library) ?? []), `/${path}`]);
    }
  };
  await walk("");
  const missing = [...users].filter(([library]) => !names.has(library));
  return missing.map(([library, paths]) => `${library}, for ${paths.toSorted().join(" ")}`).toSorted();
}

/** Names of the libraries that a program or library is linked to; none of what is neither, or is damaged. */
export function neededBy(bytes: Buffer): readonly string[] {
  if (bytes.length < HEADER_BYTES || !bytes.subarray(0, MAGIC.length).equals(MAGIC)) return [];
  const segments = segmentsOf(bytes);
  const dynamic = segments.find(({ type }) => type === PT_DYNAMIC);
  if (dynamic === undefined) return [];
  const entries: (readonly [tag: bigint, value: bigint])[] = [];
  for (
    let at = dynamic.offset;
    at + ENTRY_BYTES <= Math.min(bytes.length, dynamic.offset + dynamic.size);
    at += ENTRY_BYTES
  ) {
    const tag = bytes.readBigUInt64LE(at);
    if (tag === DT_NULL) break;
    entries.push([tag, bytes.readBigUInt64LE(at + 8)]);
  }
  const table = Number(entries.find(([tag]) => tag === DT_STRTAB)?.[1] ?? 0n);
  const home = segments.find(
    ({ type, address, size }) => type === PT_LOAD && table >= address && table < address + size,
  );
  if (home === undefined) return [];
  const strings = home.offset + table - home.address;
  return entries.flatMap(([tag, value]) => (tag === DT_NEEDED ? textAt(bytes, strings + Number(value)) : []));
}

interface Segment {
  readonly type: number;
  readonly offset: number;
  readonly address: number;
  readonly size: number;
}

function segmentsOf(bytes: Buffer): readonly Segment[] {
  const first = Number(bytes.readBigUInt64LE(32));
  const found: Segment[] = [];
  for (let i = 0; i < bytes.readUInt16LE(56); i += 1) {
    const at = first + i * SEGMENT_BYTES;
    if (at + SEGMENT_BYTES > bytes.length) break;
    const [offset = 0, address = 0, size = 0] = [8, 16, 32].map((field) => Number(bytes.readBigUInt64LE(at + field)));
    found.push({ type: bytes.readUInt32LE(at), offset, address, size });
  }
  return found;
}

function textAt(bytes: Buffer, at: number): readonly string[] {
  const end = at < bytes.length ? bytes.indexOf(0, at) : -1;
  return end <= at ? [] : [bytes.toString("latin1", at, end)];
}
