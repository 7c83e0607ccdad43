import type { Stats } from "node:fs";
import type { FileStat } from "#base/env/disk.ts";

export function statOf(found: Stats): FileStat {
  return {
    kind: found.isFile() ? "file" : found.isDirectory() ? "directory" : found.isSymbolicLink() ? "symlink" : "other",
    size: found.size,
    mode: found.mode & 0o7777,
    modifiedMs: found.mtimeMs,
    uid: found.uid,
    gid: found.gid,
    ...(found.isCharacterDevice() || found.isBlockDevice() ? { device: numbersOf(found.rdev) } : {}),
  };
}

/** How the kernel packs both numbers into one (makedev(3)). */
function numbersOf(packed: number): { readonly major: number; readonly minor: number } {
  const wide = BigInt(packed);
  return {
    major: Number(((wide >> 8n) & 0xfffn) | ((wide >> 32n) & ~0xfffn)),
    minor: Number((wide & 0xffn) | ((wide >> 12n) & ~0xffn & 0xffffffffn)),
  };
}
