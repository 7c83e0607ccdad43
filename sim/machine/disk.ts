import { dirname, normalize } from "node:path/posix";
import { utf8 } from "#base/env/bytes.ts";
import { DiskError } from "#base/env/disk.ts";
import type { AppendFile, ConfinedDisk, Disk, FileOptions, FileStat } from "#base/env/disk.ts";
import type { Prng } from "../prng.ts";
import { SimAppendFile } from "./append-file.ts";
import { confineTo } from "./confined.ts";
import type { Entry, FileEntry, SimFiles } from "./files.ts";
import type { Life } from "./life.ts";

export interface SimDiskOptions {
  readonly life: Life;
  readonly files: SimFiles;
  readonly random: Prng;
}

/** The disk as one life sees it: each call takes a little time, and takes effect when it is done or never. */
export class SimDisk implements Disk {
  readonly #options: SimDiskOptions;

  constructor(options: SimDiskOptions) {
    this.#options = options;
  }

  read(path: string): Promise<Uint8Array | undefined> {
    return this.#do("read", path, () => this.#file("read", path)?.bytes.slice(0, this.#file("read", path)?.size));
  }

  readAt(path: string, offset: number, length: number): Promise<Uint8Array | undefined> {
    return this.#do("read", path, () => {
      const file = this.#file("read", path);
      return file?.bytes.slice(Math.min(offset, file.size), Math.min(offset + length, file.size));
    });
  }

  replace(path: string, data: Uint8Array | string, options?: FileOptions): Promise<void> {
    const bytes = typeof data === "string" ? utf8(data) : data.slice();
    return this.#do("write", path, () => {
      if (this.#files.entries.get(path)?.kind === "directory") throw new DiskError("EISDIR", "write", path);
      this.#reserve("write", path, bytes.length);
      this.#put(path, { ...emptyFile(this.#nowMs, options), bytes, size: bytes.length, synced: bytes.length });
    });
  }

  openAppend(path: string, options?: FileOptions): Promise<AppendFile> {
    return this.#do("open", path, () => {
      const found = this.#files.follow(path);
      if (found !== undefined && found.kind !== "file") throw new DiskError("EISDIR", "open", path);
      const file = found ?? emptyFile(this.#nowMs, options);
      if (found === undefined) this.#put(path, file);
      return new SimAppendFile({ ...this.#options, path, file });
    });
  }

  truncate(path: string, size: number): Promise<void> {
    return this.#do("truncate", path, () => {
      const file = this.#file("truncate", path);
      if (file === undefined) throw new DiskError("ENOENT", "truncate", path);
      if (size > file.size) {
        const larger = new Uint8Array(size);
        larger.set(file.bytes.subarray(0, file.size));
        file.bytes = larger;
      }
      file.size = size;
      file.synced = size;
    });
  }

  stat(path: string): Promise<FileStat | undefined> {
    return this.#do("stat", path, () => {
      const entry = this.#files.entries.get(path);
      if (entry === undefined) return undefined;
      const size = entry.kind === "file" ? entry.size : 0;
      return { kind: entry.kind, size, mode: entry.mode, modifiedMs: entry.modifiedMs, uid: 0, gid: 0 };
    });
  }

  /** Links are made in last parts only. */
  resolve(path: string): Promise<string | undefined> {
    return this.#do("resolve", path, () => {
      const entry = this.#files.follow(path);
      return [...this.#files.entries].find(([, each]) => each === entry)?.[0];
    });
  }

  list(path: string): Promise<readonly string[]> {
    return this.#do("list", path, () => {
      const entry = this.#files.follow(path);
      if (entry === undefined) return [];
      if (entry.kind !== "directory") throw new DiskError("ENOTDIR", "list", path);
      const below = path === "/" ? "/" : `${path}/`;
      return [...this.#files.entries.keys()]
        .filter((each) => each !== path && each.startsWith(below) && !each.slice(below.length).includes("/"))
        .map((each) => each.slice(below.length))
        .sort();
    });
  }

  makeDir(path: string, options?: FileOptions): Promise<void> {
    return this.#do("create folder", path, () => {
      const missing: string[] = [];
      for (let at = path; ; at = dirname(at)) {
        const entry = this.#files.follow(at);
        if (entry?.kind === "directory") break;
        if (entry !== undefined) throw new DiskError(at === path ? "EEXIST" : "ENOTDIR", "create folder", path);
        missing.push(at);
      }
      for (const at of missing.reverse()) {
        this.#put(at, { kind: "directory", mode: options?.mode ?? 0o755, modifiedMs: this.#nowMs });
      }
    });
  }

  rename(from: string, to: string): Promise<void> {
    return this.#do(`rename to ${to}:`, from, () => {
      const { entries } = this.#files;
      if (!entries.has(from)) throw new DiskError("ENOENT", `rename to ${to}:`, from);
      this.#parentOf("rename", to);
      if (entries.get(to)?.kind === "directory" && this.#files.under(to).length > 1) {
        throw new DiskError("ENOTEMPTY", `rename to ${to}:`, from);
      }
      for (const path of this.#files.under(from)) {
        const entry = entries.get(path);
        entries.delete(path);
        if (entry !== undefined) entries.set(`${to}${path.slice(from.length)}`, entry);
      }
      for (const folder of [dirname(from), dirname(to)]) this.#files.syncFolder(folder);
    });
  }

  remove(path: string): Promise<void> {
    return this.#do("remove", path, () => this.#files.remove(path));
  }

  symlink(target: string, path: string): Promise<void> {
    return this.#do("link", path, () => {
      if (this.#files.entries.has(path)) throw new DiskError("EEXIST", "link", path);
      this.#put(path, { kind: "symlink", target, mode: 0o777, modifiedMs: this.#nowMs });
    });
  }

  readLink(path: string): Promise<string> {
    return this.#do("read the link", path, () => {
      const entry = this.#files.entries.get(path);
      if (entry?.kind !== "symlink")
        throw new DiskError(entry === undefined ? "ENOENT" : "EINVAL", "read the link", path);
      return entry.target;
    });
  }

  setMode(path: string, mode: number): Promise<void> {
    return this.#do("set the mode of", path, () => {
      const entry = this.#files.follow(path);
      if (entry === undefined) throw new DiskError("ENOENT", "set the mode of", path);
      if (entry.kind !== "symlink") entry.mode = mode;
    });
  }

  setOwner(path: string, _uid: number, _gid: number): Promise<void> {
    return this.#do("set the owner of", path, () => {
      if (!this.#files.entries.has(path)) throw new DiskError("ENOENT", "set the owner of", path);
    });
  }

  space(path: string): Promise<{ readonly freeBytes: number; readonly totalBytes: number }> {
    return this.#do("measure", path, () => {
      const totalBytes = this.#files.capacityBytes;
      return { freeBytes: Math.max(0, totalBytes - this.#files.usedBytes), totalBytes };
    });
  }

  /** Nobody else is at work here between a look and a write. */
  confine(root: string): ConfinedDisk {
    const isLink = (path: string): boolean => this.#files.entries.get(path)?.kind === "symlink";
    return confineTo(root, { disk: this, isLink });
  }

  get #files(): SimFiles {
    return this.#options.files;
  }

  get #nowMs(): number {
    return this.#options.life.timeline.epochMs;
  }

  #do<T>(action: string, path: string, effect: () => T): Promise<T> {
    const { life, random } = this.#options;
    if (!path.startsWith("/") || normalize(path) !== path) {
      return Promise.reject(new DiskError("EINVAL", action, path));
    }
    return life.later(random.between(0.02, 0.5), `disk ${action} ${path}`, effect);
  }

  #file(action: string, path: string): FileEntry | undefined {
    const entry = this.#files.follow(path);
    if (entry === undefined || entry.kind === "file") return entry;
    throw new DiskError("EISDIR", action, path);
  }

  #put(path: string, entry: Entry): void {
    this.#parentOf("write", path);
    this.#files.entries.set(path, entry);
    this.#files.syncFolder(dirname(path));
  }

  #parentOf(action: string, path: string): void {
    const parent = this.#files.follow(dirname(path));
    if (parent === undefined) throw new DiskError("ENOENT", action, path);
    if (parent.kind !== "directory") throw new DiskError("ENOTDIR", action, path);
  }

  #reserve(action: string, path: string, bytes: number): void {
    if (this.#files.usedBytes + bytes > this.#files.capacityBytes) throw new DiskError("ENOSPC", action, path);
  }
}

function emptyFile(modifiedMs: number, options: FileOptions | undefined): FileEntry {
  return { kind: "file", bytes: new Uint8Array(0), size: 0, synced: 0, mode: options?.mode ?? 0o644, modifiedMs };
}
