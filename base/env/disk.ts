export interface FileStat {
  readonly kind: "file" | "directory" | "symlink" | "other";
  readonly size: number;
  readonly mode: number;
  readonly modifiedMs: number;
  readonly uid: number;
  readonly gid: number;
  /** The kernel's numbers of what a device's file stands for. */
  readonly device?: { readonly major: number; readonly minor: number };
}

/** A file that only grows at its end. Writes are buffered by the system until `sync` resolves. */
export interface AppendFile {
  /** Bytes written so far, including what was there at open. */
  readonly size: number;
  append(data: Uint8Array): Promise<void>;
  /** Resolves when everything appended before the call survives a power cut (fdatasync). */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Files. Paths are absolute. Every method rejects with a {@link DiskError} that names the path,
 * except where a missing file is an ordinary answer (`stat`, `read`: undefined).
 */
export interface Disk {
  read(path: string): Promise<Uint8Array | undefined>;
  /** At most `length` bytes from `offset`; fewer at the end of the file; undefined when the file is missing. */
  readAt(path: string, offset: number, length: number): Promise<Uint8Array | undefined>;
  /** Writes a neighbour, syncs it, renames it over `path`, syncs the folder: readers see old or new, never half. Default mode 0o644. */
  replace(path: string, data: Uint8Array | string, options?: FileOptions): Promise<void>;
  openAppend(path: string, options?: FileOptions): Promise<AppendFile>;
  truncate(path: string, size: number): Promise<void>;
  stat(path: string): Promise<FileStat | undefined>;
  /** Where a path leads once every link on it is followed; undefined when nothing is there. */
  resolve(path: string): Promise<string | undefined>;
  /** Names in a folder, sorted; empty when it is missing. */
  list(path: string): Promise<readonly string[]>;
  /** With parents; fine if it is there. Default mode 0o755. */
  makeDir(path: string, options?: FolderOptions): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** Files and folders with all they hold; fine if it is missing. Does not follow links. */
  remove(path: string): Promise<void>;
  symlink(target: string, path: string): Promise<void>;
  /** What a link says, which may be nowhere. Rejects where there is no link. */
  readLink(path: string): Promise<string>;
  setMode(path: string, mode: number): Promise<void>;
  setOwner(path: string, uid: number, gid: number): Promise<void>;
  /** Bytes free for us, and in all, on the file system that holds `path`. */
  space(path: string): Promise<{ readonly freeBytes: number; readonly totalBytes: number }>;
  /**
   * The same files, for work below `root` where others may put links at any time. What is read or looked at is where it
   * was found to be, inside of `root` (else `EXDEV`); what is written goes through no link at all (else `ELOOP`, with the
   * link as its path).
   */
  confine(root: string): ConfinedDisk;
}

export type ConfinedDisk = Pick<Disk, "read" | "stat" | "replace" | "makeDir">;

export interface FileOptions {
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  /** Default true. False: may be gone after a power cut, for what is made again anyway; readers still see old or new. */
  readonly durable?: boolean;
}

export type FolderOptions = FileOptions;

/** The operating system's code (`ENOSPC`, `EACCES`, `EROFS` …) with the path and the action. */
export class DiskError extends Error {
  readonly code: string;
  readonly path: string;
  constructor(code: string, action: string, path: string) {
    super(`cannot ${action} ${path}: ${code}`);
    this.name = "DiskError";
    this.code = code;
    this.path = path;
  }
}
