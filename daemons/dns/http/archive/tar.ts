import { gunzipSync } from "node:zlib";
import { fail, messageOf, succeed, type Result } from "#base/env/errors.ts";
import { MAX_FILE_BYTES, MAX_FILES, type ArchiveFile } from "./zip.ts";

const BLOCK = 512;
const MAX_TAR_BYTES = 128 * 1024 * 1024;

/** A gzipped tar archive's ordinary files (POSIX ustar); names longer than 100 bytes are cut, as none here are. */
export function readTarGz(given: Uint8Array): Result<ArchiveFile[]> {
  try {
    const tar = gunzipSync(given, { maxOutputLength: MAX_TAR_BYTES });
    const files: ArchiveFile[] = [];
    for (let at = 0; at + BLOCK <= tar.length && tar[at] !== 0;) {
      const name = textAt(tar, at, 100).replace(/^\.?\//, "");
      const size = Number.parseInt(textAt(tar, at + 124, 12), 8);
      const kind = tar[at + 156];
      if (!(size >= 0) || size > MAX_FILE_BYTES || files.length >= MAX_FILES || at + BLOCK + size > tar.length)
        throw new Error(`${JSON.stringify(name)} is damaged or too large`);
      if (kind === 0 || kind === 48) files.push({ name, bytes: tar.subarray(at + BLOCK, at + BLOCK + size) });
      at += BLOCK + Math.ceil(size / BLOCK) * BLOCK;
    }
    return succeed(files);
  } catch (thrown) {
    return fail("bad_archive", `this is no archive that can be read: ${messageOf(thrown)}`);
  }
}

function textAt(tar: Buffer, at: number, length: number): string {
  return tar
    .toString("latin1", at, at + length)
    .replace(/\0.*$/s, "")
    .trim();
}
