/** ELF-64 little-endian: gABI chapters "ELF Header", "Section Header" and "Program Header". */
const EHDR = { shoff: 0x28, phoff: 0x20, phentsize: 0x36, phnum: 0x38, shentsize: 0x3a, shnum: 0x3c, shstrndx: 0x3e };
const SHDR = { name: 0x00, flags: 0x08, offset: 0x18, size: 0x20, link: 0x28, info: 0x2c };
const PHDR = { offset: 0x08, filesz: 0x20 };
const SHF_ALLOC = 2n;
const SHF_INFO_LINK = 0x40n;

type Section = { index: number; name: Buffer; header: Buffer };

/**
 * Removes what is not loaded (symbol table, debug data) from an executable, as strip(1) does, on any machine for any processor.
 * The loaded bytes stay where they are; behind them come a new table of section names and the kept section headers.
 * @throws when the bytes are no 64-bit little-endian ELF file
 */
export function stripExecutable(elf: Uint8Array): Buffer {
  const file = Buffer.from(elf.buffer, elf.byteOffset, elf.byteLength);
  if (file.readUInt32BE(0) !== 0x7f454c46 || file[4] !== 2 || file[5] !== 1) {
    throw new Error("strip: not a 64-bit little-endian ELF file");
  }
  const namesIndex = file.readUInt16LE(EHDR.shstrndx);
  // Section 0 is reserved and must stay.
  const kept = readSections(file).filter(
    ({ index, header }) =>
      index === 0 || index === namesIndex || (header.readBigUInt64LE(SHDR.flags) & SHF_ALLOC) !== 0n,
  );
  const body = Buffer.from(file.subarray(0, loadedEnd(file)));
  const names = Buffer.concat(kept.map(({ name }) => name));
  const headersOffset = align8(body.length + names.length);

  renumber(kept);
  let nameAt = 0;
  for (const { index, name, header } of kept) {
    header.writeUInt32LE(nameAt, SHDR.name);
    nameAt += name.length;
    if (index !== namesIndex) continue;
    header.writeBigUInt64LE(BigInt(body.length), SHDR.offset);
    header.writeBigUInt64LE(BigInt(names.length), SHDR.size);
  }
  body.writeBigUInt64LE(BigInt(headersOffset), EHDR.shoff);
  body.writeUInt16LE(kept.length, EHDR.shnum);
  body.writeUInt16LE(
    kept.findIndex(({ index }) => index === namesIndex),
    EHDR.shstrndx,
  );
  const gap = Buffer.alloc(headersOffset - body.length - names.length);
  return Buffer.concat([body, names, gap, ...kept.map(({ header }) => header)]);
}

function readSections(file: Buffer): Section[] {
  const offset = Number(file.readBigUInt64LE(EHDR.shoff));
  const size = file.readUInt16LE(EHDR.shentsize);
  const headerAt = (index: number) => Buffer.from(file.subarray(offset + index * size, offset + (index + 1) * size));
  const names = Number(headerAt(file.readUInt16LE(EHDR.shstrndx)).readBigUInt64LE(SHDR.offset));
  return Array.from({ length: file.readUInt16LE(EHDR.shnum) }, (_, index) => {
    const header = headerAt(index);
    const name = names + header.readUInt32LE(SHDR.name);
    return { index, header, name: file.subarray(name, file.indexOf(0, name) + 1) };
  });
}

/** Where the last byte lies that a segment of the program needs. */
function loadedEnd(file: Buffer): number {
  const offset = Number(file.readBigUInt64LE(EHDR.phoff));
  const size = file.readUInt16LE(EHDR.phentsize);
  const ends = Array.from({ length: file.readUInt16LE(EHDR.phnum) }, (_, index) => {
    const header = file.subarray(offset + index * size);
    return Number(header.readBigUInt64LE(PHDR.offset) + header.readBigUInt64LE(PHDR.filesz));
  });
  return Math.max(offset + ends.length * size, ...ends);
}

/** Sections refer to each other by number. */
function renumber(kept: readonly Section[]): void {
  const newIndex = (old: number) =>
    Math.max(
      0,
      kept.findIndex(({ index }) => index === old),
    );
  for (const { header } of kept) {
    header.writeUInt32LE(newIndex(header.readUInt32LE(SHDR.link)), SHDR.link);
    const refersByInfo = (header.readBigUInt64LE(SHDR.flags) & SHF_INFO_LINK) !== 0n;
    if (refersByInfo) header.writeUInt32LE(newIndex(header.readUInt32LE(SHDR.info)), SHDR.info);
  }
}

function align8(offset: number): number {
  return Math.ceil(offset / 8) * 8;
}
