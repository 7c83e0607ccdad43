import * as fs from "node:fs/promises";
import { dirname } from "node:path";
import { DiskError } from "#base/env/disk.ts";
import type { AppendFile, Disk, FileOptions, FileStat, FolderOptions } from "#base/env/disk.ts";
import type { Random } from "#base/env/random.ts";
import { openAppendFile } from "./append-file.ts";
import { confineDisk } from "./confined-disk.ts";
import { replaceFile, syncFolder } from "./replace-file.ts";
import { statOf } from "./file-stat.ts";
import { codeOf } from "./system-error.ts";

const FILE_MODE = 0o644;
const FOLDER_MODE = 0o755;

/** Files of this machine. What `replace`, `rename`, `truncate` and `makeDir` resolved for survives a power cut. */
export function createSystemDisk(random: Random): Disk {
  return {
    read: (path) => absentOr(() => fs.readFile(path), { action: "read", path }),
    readAt: (path, offset, length) => absentOr(() => readAt(path, offset, length), { action: "read", path }),
    replace: (path, data, options) =>
      named({ action: "write", path }, () => replaceFile({ path, data, options: options ?? {}, random })),
    openAppend: (path, options) => openAppend(path, options ?? {}),
    truncate: (path, size) => named({ action: "truncate", path }, () => truncate(path, size)),
    stat: (path) => absentOr(() => stat(path), { action: "stat", path }),
    resolve: (path) => absentOr(() => fs.realpath(path), { action: "resolve", path }),
    list: async (path) => (await absentOr(async () => (await fs.readdir(path)).sort(), { action: "list", path })) ?? [],
    makeDir: (path, options) => named({ action: "create folder", path }, () => makeDir(path, options ?? {})),
    rename: (from, to) => named({ action: `rename to ${to}:`, path: from }, () => rename(from, to)),
    // Somebody may still write into a folder that goes.
    remove: (path) =>
      named({ action: "remove", path }, () =>
        fs.rm(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 20 }),
      ),
    readLink: (path) => named({ action: "read the link", path }, () => fs.readlink(path)),
    symlink: (target, path) => named({ action: "link", path }, () => fs.symlink(target, path)),
    setMode: (path, mode) => named({ action: "set the mode of", path }, () => fs.chmod(path, mode)),
    // A task's folder may hold links the task made: the link is changed, never what it points at.
    setOwner: (path, uid, gid) => named({ action: "set the owner of", path }, () => fs.lchown(path, uid, gid)),
    space: (path) => named({ action: "measure", path }, () => space(path)),
    confine: (root) => confineDisk(root, random),
  };
}

interface Naming {
  readonly action: string;
  readonly path: string;
}

async function named<T>(naming: Naming, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    if (thrown instanceof DiskError) throw thrown;
    throw new DiskError(codeOf(thrown), naming.action, naming.path);
  }
}

async function absentOr<T>(work: () => Promise<T>, naming: Naming): Promise<T | undefined> {
  try {
    return await work();
  } catch (thrown) {
    const code = codeOf(thrown);
    if (code === "ENOENT") return undefined;
    throw new DiskError(code, naming.action, naming.path);
  }
}

async function readAt(path: string, offset: number, length: number): Promise<Uint8Array> {
  const file = await fs.open(path, "r");
  try {
    const buffer = new Uint8Array(length);
    let filled = 0;
    while (filled < length) {
      const { bytesRead } = await file.read(buffer, filled, length - filled, offset + filled);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    return buffer.subarray(0, filled);
  } finally {
    await file.close();
  }
}

function openAppend(path: string, options: FileOptions): Promise<AppendFile> {
  return named({ action: "open", path }, async () => {
    const existed = (await stat(path).catch(() => undefined)) !== undefined;
    const file = await fs.open(path, "a", options.mode ?? FILE_MODE);
    try {
      if (!existed) {
        await file.chmod(options.mode ?? FILE_MODE);
        if (options.uid !== undefined || options.gid !== undefined) {
          await file.chown(options.uid ?? -1, options.gid ?? -1);
        }
        // Syncing the file later does not sync its name.
        await syncFolder(dirname(path));
      }
      return openAppendFile({ file, path, size: (await file.stat()).size });
    } catch (thrown) {
      await file.close();
      throw thrown;
    }
  });
}

async function truncate(path: string, size: number): Promise<void> {
  const file = await fs.open(path, "r+");
  try {
    await file.truncate(size);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function stat(path: string): Promise<FileStat> {
  return statOf(await fs.lstat(path));
}

async function makeDir(path: string, options: FolderOptions): Promise<void> {
  const mode = options.mode ?? FOLDER_MODE;
  const first = await fs.mkdir(path, { recursive: true, mode });
  if (first === undefined) return;
  await fs.chmod(path, mode);
  if (options.uid !== undefined || options.gid !== undefined) {
    await fs.lchown(path, options.uid ?? -1, options.gid ?? -1);
  }
  if (options.durable === false) return;
  const stop = dirname(first);
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    await syncFolder(folder);
    if (folder === stop || folder === dirname(folder)) break;
  }
}

async function rename(from: string, to: string): Promise<void> {
  await fs.rename(from, to);
  await syncFolder(dirname(to));
  if (dirname(from) !== dirname(to)) await syncFolder(dirname(from));
}

async function space(path: string): Promise<{ readonly freeBytes: number; readonly totalBytes: number }> {
  const found = await fs.statfs(path);
  return { freeBytes: found.bavail * found.bsize, totalBytes: found.blocks * found.bsize };
}
