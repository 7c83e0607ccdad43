import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";

export const SECTOR = 512;
const ENTRIES = 128;
const ENTRY_BYTES = 128;
const TABLE_SECTORS = (ENTRIES * ENTRY_BYTES) / SECTOR;

/** https://uefi.org/specs/UEFI/2.10/05_GUID_Partition_Table_Format.html and the Discoverable Partitions Specification. */
export const PARTITION_TYPES = {
  biosBoot: "21686148-6449-6e6f-744e-656564454649",
  esp: "c12a7328-f81f-11d2-ba4b-00a0c93ec93b",
  linux: "0fc63daf-8483-4772-8e79-3d69d8477de4",
} as const;

export interface Partition {
  readonly name: string;
  readonly type: string;
  readonly first: number;
  /** Inclusive. */
  readonly last: number;
}

export interface Gpt {
  /** For the first 34 sectors: protective MBR, header, table. */
  readonly head: Uint8Array;
  /** For the last 33 sectors: table, header. */
  readonly tail: Uint8Array;
}

export interface GptOptions {
  /** Ids are made from it. */
  readonly seed: string;
  /** A partition with FAT that the table of the old kind names, too. */
  readonly fat?: Partition | undefined;
}

/** A partition table of a disk of so many sectors. */
export function writeGpt(partitions: readonly Partition[], sectors: number, { seed, fat }: GptOptions): Gpt {
  const table = Buffer.alloc(ENTRIES * ENTRY_BYTES);
  for (const [at, partition] of partitions.entries()) {
    const entry = table.subarray(at * ENTRY_BYTES);
    guidBytes(partition.type).copy(entry, 0);
    guidBytes(guidOf(`${seed}/${partition.name}`)).copy(entry, 16);
    entry.writeBigUInt64LE(BigInt(partition.first), 32);
    entry.writeBigUInt64LE(BigInt(partition.last), 40);
    Buffer.from(partition.name, "utf16le").copy(entry, 56, 0, 70);
  }
  const place = { sectors, tableCrc: crc32(table), disk: guidBytes(guidOf(`${seed}/disk`)) };
  const head = Buffer.concat([protectiveMbr(fat), header({ ...place, own: 1, other: sectors - 1, table: 2 }), table]);
  const tail = Buffer.concat([
    table,
    header({ ...place, own: sectors - 1, other: 1, table: sectors - 1 - TABLE_SECTORS }),
  ]);
  return { head, tail };
}

/** A version 8 id (RFC 9562 section 5.8) that is always the same for the same name. */
export function guidOf(name: string): string {
  const bytes = createHash("sha256").update(name).digest().subarray(0, 16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

/** The first three groups are stored little-endian (UEFI appendix A). */
function guidBytes(guid: string): Buffer {
  const [a = "", b = "", c = "", d = "", e = ""] = guid.split("-");
  const reversed = [a, b, c].map((group) => Buffer.from(group, "hex").toReversed());
  return Buffer.concat([...reversed.map((group) => Buffer.from(group)), Buffer.from(d + e, "hex")]);
}

interface HeaderPlace {
  readonly sectors: number;
  readonly tableCrc: number;
  readonly disk: Buffer;
  readonly own: number;
  readonly other: number;
  readonly table: number;
}

function header({ sectors, tableCrc, disk, own, other, table }: HeaderPlace): Buffer {
  const bytes = Buffer.alloc(SECTOR);
  bytes.write("EFI PART", 0, "latin1");
  bytes.writeUInt32LE(0x00010000, 8);
  bytes.writeUInt32LE(92, 12);
  bytes.writeBigUInt64LE(BigInt(own), 24);
  bytes.writeBigUInt64LE(BigInt(other), 32);
  bytes.writeBigUInt64LE(BigInt(2 + TABLE_SECTORS), 40);
  bytes.writeBigUInt64LE(BigInt(sectors - 2 - TABLE_SECTORS), 48);
  disk.copy(bytes, 56);
  bytes.writeBigUInt64LE(BigInt(table), 72);
  bytes.writeUInt32LE(ENTRIES, 80);
  bytes.writeUInt32LE(ENTRY_BYTES, 84);
  bytes.writeUInt32LE(tableCrc, 88);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 92)), 16);
  return bytes;
}

function protectiveMbr(fat: Partition | undefined): Buffer {
  const bytes = Buffer.alloc(SECTOR);
  if (fat !== undefined) {
    // 0x0c: FAT32 by block numbers; then what keeps others off the rest.
    bytes.set([0x80, 0xfe, 0xff, 0xff, 0x0c, 0xfe, 0xff, 0xff], 446);
    bytes.writeUInt32LE(fat.first, 454);
    bytes.writeUInt32LE(fat.last - fat.first + 1, 458);
    bytes.set([0x00, 0x00, 0x02, 0x00, 0xee, 0xff, 0xff, 0xff], 462);
    bytes.writeUInt32LE(1, 470);
    bytes.writeUInt32LE(fat.first - 1, 474);
    bytes.set([0x55, 0xaa], 510);
    return bytes;
  }
  // Some firmware starts no disk whose MBR has no active partition.
  bytes.set([0x80, 0x00, 0x02, 0x00, 0xee, 0xff, 0xff, 0xff], 446);
  bytes.writeUInt32LE(1, 454);
  // Of a disk of any length: the image is written onto larger ones, and this sector is never written again.
  bytes.writeUInt32LE(0xffffffff, 458);
  bytes.set([0x55, 0xaa], 510);
  return bytes;
}
