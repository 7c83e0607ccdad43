import { constants } from "node:fs";
import * as fs from "node:fs/promises";
import { basename, dirname, normalize } from "node:path/posix";
import { DiskError, type ConfinedDisk, type FolderOptions } from "#base/env/disk.ts";
import type { Random } from "#base/env/random.ts";
import { statOf } from "./file-stat.ts";
import { replaceFile, syncFolder } from "./replace-file.ts";
import { codeOf } from "./system-error.ts";

/** open(2): a place in the tree and nothing else; a device is not touched by it. Node has no name for it. */
const O_PATH = 0o10000000;
const FOLDER = O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW;
const FOLDER_MODE = 0o755;

/** Holds what it looks at (`/proc/self/fd`, proc(5)), so that what was looked at is what is read or written. */
export function confineDisk(root: string, random: Random): ConfinedDisk {
  return {
    stat: (path) => look(path, "stat", { root, follow: false, use: async (_, stat) => stat }),
    read: (path) =>
      look(path, "read", {
        root,
        follow: true,
        use: (held, { kind }) => {
          if (kind !== "file") throw new DiskError(kind === "directory" ? "EISDIR" : "EINVAL", "read", path);
          return fs.readFile(held);
        },
      }),
    replace: (path, data, options) =>
      walk(dirname(path), {
        root,
        action: "write",
        path,
        make: undefined,
        use: (folder) => replaceFile({ path: `${folder}/${basename(path)}`, data, options: options ?? {}, random }),
      }),
    makeDir: (path, options) =>
      walk(path, { root, action: "create folder", path, make: options ?? {}, use: () => Promise.resolve() }),
  };
}

interface Look<T> {
  readonly root: string;
  readonly follow: boolean;
  /** `held` leads to what was found, whatever its name means by now. */
  readonly use: (held: string, stat: ReturnType<typeof statOf>) => Promise<T>;
}

/** Links that stay inside are followed; undefined: nothing is there. */
async function look<T>(path: string, action: string, { root, follow, use }: Look<T>): Promise<T | undefined> {
  try {
    const place = await fs.open(path, follow ? O_PATH : O_PATH | constants.O_NOFOLLOW);
    try {
      const held = heldBy(place);
      const [real, within] = [await fs.readlink(held), await fs.realpath(root)];
      if (real !== within && !real.startsWith(`${within}/`)) throw new DiskError("EXDEV", action, path);
      return await use(held, statOf(await place.stat()));
    } finally {
      await place.close();
    }
  } catch (thrown) {
    if (codeOf(thrown) === "ENOENT") return undefined;
    throw named(thrown, action, path);
  }
}

interface Walk<T> {
  readonly root: string;
  /** Of errors. */
  readonly action: string;
  readonly path: string;
  /** Of folders that are missing; undefined: none is made. */
  readonly make: FolderOptions | undefined;
  readonly use: (folder: string) => Promise<T>;
}

/** Goes down from the root folder by folder, holding each, and follows no link. */
async function walk<T>(to: string, { root, action, path, make, use }: Walk<T>): Promise<T> {
  if (normalize(to) !== to || (to !== root && !to.startsWith(`${root}/`))) throw new DiskError("EXDEV", action, path);
  let at = root;
  let folder: fs.FileHandle | undefined;
  try {
    folder = await fs.open(root, O_PATH | constants.O_DIRECTORY);
    for (const part of to
      .slice(root.length + 1)
      .split("/")
      .filter(Boolean)) {
      at = `${at}/${part}`;
      const next = await enter(`${heldBy(folder)}/${part}`, at === to ? make : above(make));
      await folder.close();
      folder = next;
    }
    return await use(heldBy(folder));
  } catch (thrown) {
    throw named(thrown, action, codeOf(thrown) === "ELOOP" ? at : path);
  } finally {
    await folder?.close();
  }
}

/** Mode and owner are the last folder's. */
function above(make: FolderOptions | undefined): FolderOptions | undefined {
  return make === undefined ? undefined : { durable: make.durable ?? true };
}

async function enter(place: string, make: FolderOptions | undefined): Promise<fs.FileHandle> {
  const isNew = make !== undefined && (await makeFolder(place, make));
  try {
    const folder = await fs.open(place, FOLDER);
    if (isNew) await settle(folder, make);
    return folder;
  } catch (thrown) {
    if (codeOf(thrown) !== "ENOTDIR" || !(await fs.lstat(place)).isSymbolicLink()) throw thrown;
    throw new DiskError("ELOOP", "enter", place);
  }
}

async function makeFolder(place: string, { mode, durable }: FolderOptions): Promise<boolean> {
  try {
    await fs.mkdir(place, { mode: mode ?? FOLDER_MODE });
  } catch (thrown) {
    if (codeOf(thrown) === "EEXIST") return false;
    throw thrown;
  }
  if (durable !== false) await syncFolder(dirname(place));
  return true;
}

/** The mode given to mkdir is cut by the umask. */
async function settle(folder: fs.FileHandle, { mode, uid, gid }: FolderOptions): Promise<void> {
  await fs.chmod(heldBy(folder), mode ?? FOLDER_MODE);
  if (uid !== undefined || gid !== undefined) await fs.chown(heldBy(folder), uid ?? -1, gid ?? -1);
}

function heldBy({ fd }: fs.FileHandle): string {
  return `/proc/self/fd/${fd}`;
}

function named(thrown: unknown, action: string, path: string): DiskError {
  const code = codeOf(thrown);
  return thrown instanceof DiskError && !thrown.path.startsWith("/proc/self/fd/")
    ? thrown
    : new DiskError(code, action, path);
}
