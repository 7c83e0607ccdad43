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
  };
}
