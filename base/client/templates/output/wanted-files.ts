import { textOf } from "#base/env/bytes.ts";
import type { Disk } from "#base/env/disk.ts";
import { succeed, type Result } from "#base/env/errors.ts";
import type { FileWrite } from "../functions/host-functions.ts";
import { ownerNumber, writeDestination } from "./destination.ts";

/** Carries out what a template wants written by `writeToFile`. The first that fails ends it. */
export async function writeWanted(
  disk: Disk,
  files: readonly FileWrite[],
  resolve: (path: string) => string,
): Promise<Result<void>> {
  for (const file of files) {
    const path = resolve(file.path);
    const uid = await ownerNumber(disk, "/etc/passwd", file.user);
    const gid = await ownerNumber(disk, "/etc/group", file.group);
    if (!uid.ok) return uid;
    if (!gid.ok) return gid;
    const before = file.append ? await disk.read(path) : undefined;
    const text = before === undefined ? file.content : textOf(before) + file.content;
    const owner = { uid: uid.value, gid: gid.value };
    const written = await writeDestination(
      disk,
      { path, perms: file.mode, ...owner, backup: false, createDirs: true },
      text,
    );
    if (!written.ok) return written;
  }
  return succeed(undefined);
}
