import { dirname } from "node:path/posix";
import { textOf, utf8 } from "#base/env/bytes.ts";
import { DiskError, type Disk, type FileOptions } from "#base/env/disk.ts";
import { fail, succeed, type Result } from "#base/env/errors.ts";

export interface Destination {
  /** Absolute. */
  readonly path: string;
  /** Undefined: those of the file that is there, else 0644. */
  readonly perms: number | undefined;
  /** Undefined: those of the file that is there, else our own. */
  readonly uid: number | undefined;
  readonly gid: number | undefined;
  /** Keeps the file that was there as `PATH.bak`. */
  readonly backup: boolean;
  readonly createDirs: boolean;
  /** Default true. False: after a power cut it is rendered anew. */
  readonly durable?: boolean;
  /** Nothing is written over a link below this folder: whoever owns what is in it may have made one since. */
  readonly within?: string | undefined;
}

/** Writes the text unless the file holds it already. `changed`: the file is another one now. What was there stays whole until then. */
export async function writeDestination(
  disk: Disk,
  destination: Destination,
  text: string,
): Promise<Result<{ readonly changed: boolean }>> {
  try {
    return await write(disk, destination, text);
  } catch (thrown) {
    if (!(thrown instanceof DiskError)) throw thrown;
    const { code } = thrown;
    return fail("destination", `cannot write ${destination.path}: ${reason(thrown)}`, hintFor(code));
  }
}

async function write(
  disk: Disk,
  destination: Destination,
  text: string,
): Promise<Result<{ readonly changed: boolean }>> {
  const { path, backup, createDirs, within, durable = true } = destination;
  const folder = dirname(path);
  // Whoever may change what is in there cannot make a link of any part of the way while this writes.
  const files = within === undefined ? disk : disk.confine(within);
  if (within !== undefined && createDirs) await files.makeDir(folder, { durable });
  const [before, around] = [await files.stat(path), await files.stat(folder)];
  if (before?.kind === "directory")
    return fail("destination", `cannot write ${path}: it is a directory`, "name the file inside it");
  if (around === undefined) {
    if (!createDirs)
      return fail(
        "destination",
        `cannot write ${path}: there is no folder ${folder}`,
        "create it, or set create_dest_dirs",
      );
    await files.makeDir(folder);
  }
  const data = utf8(text);
  // A link in the file's own place is replaced, never read.
  const old = before === undefined || before.kind === "symlink" ? undefined : await files.read(path);
  if (before !== undefined && old !== undefined && equals(old, data) && keepsMode(before.mode, destination))
    return succeed({ changed: false });
  if (backup && before !== undefined && old !== undefined)
    await files.replace(`${path}.bak`, old, { mode: before.mode, ...ownerOf(before) });
  const mode = destination.perms ?? (before?.kind === "file" ? before.mode : 0o644);
  const owner = owners(destination, before?.kind === "file" ? before : undefined);
  await files.replace(path, data, { mode, ...owner, durable });
  return succeed({ changed: true });
}

/** A file with the right text and the wrong mode is written again, too. */
function keepsMode(mode: number, { perms }: Destination): boolean {
  return perms === undefined || perms === mode;
}

type Owner = Pick<FileOptions, "uid" | "gid">;

/** Only a changed owner is asked for: others than root may not even ask for their own. */
function owners({ uid, gid }: Destination, before: { readonly uid: number; readonly gid: number } | undefined): Owner {
  const owner = { uid: uid ?? before?.uid, gid: gid ?? before?.gid };
  return {
    ...(owner.uid === undefined ? {} : { uid: owner.uid }),
    ...(owner.gid === undefined ? {} : { gid: owner.gid }),
  };
}

function ownerOf({ uid, gid }: { readonly uid: number; readonly gid: number }): Owner {
  return { uid, gid };
}

function equals(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && Buffer.compare(a, b) === 0;
}

function reason(error: DiskError): string {
  if (error.code === "ENOSPC") return "the disk is full (ENOSPC)";
  if (error.code === "ELOOP") return `${error.path} is a link, which is not followed here`;
  if (error.code === "EXDEV") return "a link on its way leads out of the folder it has to be in";
  return `${error.message} (${error.code})`;
}

function hintFor(code: string): string | undefined {
  switch (code) {
    case "ENOSPC":
      return "free some space; the file that was there is untouched";
    case "EACCES":
    case "EPERM":
      return "the user this runs as may not write there";
    case "ELOOP":
    case "EXDEV":
      return "remove the link";
    case "EROFS":
      return "the file system is read-only";
    default:
      return undefined;
  }
}

/** The number of a user (`/etc/passwd`) or group (`/etc/group`); undefined for an empty name. */
export async function ownerNumber(
  disk: Disk,
  file: "/etc/passwd" | "/etc/group",
  name: string,
): Promise<Result<number | undefined>> {
  if (name === "" || name === "-1") return succeed(undefined);
  if (/^\d+$/.test(name)) return succeed(Number(name));
  const text = await disk.read(file);
  for (const line of (text === undefined ? "" : textOf(text)).split("\n")) {
    const [known, , id] = line.split(":");
    if (known === name && id !== undefined) return succeed(Number(id));
  }
  return fail(
    "no_owner",
    `there is no ${file === "/etc/passwd" ? "user" : "group"} ${JSON.stringify(name)}`,
    `see ${file}`,
  );
}
