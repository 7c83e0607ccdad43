export interface CpioEntry {
  /** Without a leading `/`. */
  readonly path: string;
  /** With the file's type, as in stat(2). */
  readonly mode: number;
  readonly data: Uint8Array;
}

const MAGIC = "070701";
const FOLDER = 0o040000;

/**
 * An archive of the kind the kernel unpacks as its first file system: "newc",
 * https://docs.kernel.org/driver-api/early-userspace/buffer-format.html. Names are sorted, folders above are added,
 * owner is root, times are `epoch`.
 */
export function packCpio(entries: readonly CpioEntry[], epoch: number): Uint8Array {
  const all = new Map<string, CpioEntry>();
  for (const entry of entries) {
    const parts = entry.path.split("/");
    for (let depth = 1; depth < parts.length; depth++) {
      const path = parts.slice(0, depth).join("/");
      if (!all.has(path)) all.set(path, { path, mode: FOLDER | 0o755, data: new Uint8Array() });
    }
    all.set(entry.path, entry);
  }
  const sorted = [...all.values()].toSorted((a, b) => (a.path < b.path ? -1 : 1));
  const chunks = sorted.map((entry, at) => record(entry, at + 1, epoch));
  chunks.push(record({ path: "TRAILER!!!", mode: 0, data: new Uint8Array() }, 0, 0));
  return Buffer.concat(chunks);
}

function record(entry: CpioEntry, inode: number, epoch: number): Buffer {
  const name = Buffer.from(`${entry.path}\0`);
  const links = (entry.mode & 0o170000) === FOLDER ? 2 : 1;
  const numbers = [inode, entry.mode, 0, 0, links, epoch, entry.data.length, 0, 0, 0, 0, name.length, 0];
  const head = Buffer.from(MAGIC + numbers.map((number) => number.toString(16).padStart(8, "0")).join(""));
  return Buffer.concat([padded(Buffer.concat([head, name])), padded(entry.data)]);
}

function padded(bytes: Uint8Array): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);
}
