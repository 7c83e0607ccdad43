/** `ucmndata.h` of ICU: a header, a table of names and places in alphabetical order, the names, the items. */
const MAGIC_AND_FORMAT = Buffer.from("da271400000000000200436d6e4401", "hex");
const HEADER_SIZE_BYTES = 2;
const ENTRY_BYTES = 8;
const ALIGNMENT = 16;
/** Larger ones are tables of East Asian writing. */
const SMALL_CONVERTER_BYTES = 20_000;

type Item = { name: string; data: Buffer };

/**
 * Leaves of the language data inside Node what English, time zones and all that is the same for every language need, about as
 * Node's own `--with-intl=small-icu` does. Another language is answered with ICU's root locale. Nothing else moves: what
 * becomes free is zeros, 28 MB that pack to nothing.
 * @throws when the bytes hold no such data
 */
export function keepEnglishData(executable: Uint8Array): Buffer {
  const file = Buffer.from(executable);
  const header = file.indexOf(MAGIC_AND_FORMAT) - HEADER_SIZE_BYTES;
  if (header < 0) throw new Error("language data: there is none of ICU inside this Node");
  const table = header + file.readUInt16LE(header);
  const { items, end } = readItems(file, table);
  const packed = packItems(items.filter(({ name, data }) => isNeeded(name, data.length)));
  packed.copy(file.fill(0, table, end), table);
  return file;
}

/** Of `icudt78l/de_AT.res`, `icudt78l/zone/de.res`, `icudt78l/gb18030-2022.cnv` and the like. */
function isNeeded(name: string, bytes: number): boolean {
  const [folder, file = ""] = name.split("/").slice(-2);
  if (/^(?!en[_.]|res_index)[a-z]{2,3}(_\w+)?\.res$/.test(file)) return false;
  if (file.endsWith(".cnv")) return bytes <= SMALL_CONVERTER_BYTES;
  // Where words end in writing without spaces; other scripts' letters; names of characters; characters that look alike.
  return !file.endsWith(".dict") && folder !== "translit" && file !== "unames.icu" && file !== "confusables.cfu";
}

/** Without the last, of which only the start is known: Zulu's. */
function readItems(file: Buffer, table: number): { readonly items: readonly Item[]; readonly end: number } {
  const count = file.readUInt32LE(table);
  const place = (index: number, field: number) => table + file.readUInt32LE(table + 4 + index * ENTRY_BYTES + field);
  const items = Array.from({ length: count - 1 }, (_, index) => {
    const name = place(index, 0);
    return {
      name: file.toString("latin1", name, file.indexOf(0, name)),
      // A copy, since the file is written over.
      data: Buffer.from(file.subarray(place(index, 4), place(index + 1, 4))),
    };
  });
  return { items, end: place(count - 1, 4) };
}

function packItems(items: readonly Item[]): Buffer {
  const head = Buffer.alloc(4 + items.length * ENTRY_BYTES);
  const parts: Buffer[] = [head];
  let length = head.length;
  const append = (bytes: Buffer): number => {
    parts.push(bytes);
    length += bytes.length;
    return length - bytes.length;
  };
  head.writeUInt32LE(items.length, 0);
  const nameAt = items.map(({ name }) => append(Buffer.from(`${name}\0`, "latin1")));
  for (const [index, { data }] of items.entries()) {
    append(Buffer.alloc(-length & (ALIGNMENT - 1)));
    head.writeUInt32LE(nameAt[index] ?? 0, 4 + index * ENTRY_BYTES);
    head.writeUInt32LE(append(data), 4 + index * ENTRY_BYTES + 4);
  }
  return Buffer.concat(parts);
}
