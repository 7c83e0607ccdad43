import type { Disk } from "#base/env/disk.ts";
import type { StoredBackup } from "./backup-name.ts";

/** A whole snapshot in a file of this server, to be copied. */
export interface Spooled {
  readonly path: string;
  readonly bytes: number;
  /** Of all of it, SHA-256 in hex. */
  readonly sha256: string;
}

/** Where backups go. All reject with what went wrong, in words for an operator. */
export interface BackupTarget {
  readonly name: string;
  /** Where it is, for people. */
  readonly place: string;
  /** Backups kept of this cluster. */
  readonly retain: number;
  /** It is there whole, or not at all. */
  put(name: string, file: Spooled): Promise<void>;
  /** All files, whoever's. */
  list(): Promise<readonly StoredBackup[]>;
  /** Undefined: there is no such file. */
  read(name: string): Promise<AsyncIterable<Uint8Array> | undefined>;
  remove(name: string): Promise<void>;
}

const CHUNK_BYTES = 1 << 20;

/** A file's bytes in order. */
export async function* contentOf(disk: Pick<Disk, "readAt">, path: string): AsyncGenerator<Uint8Array> {
  for (let offset = 0; ;) {
    const part = await disk.readAt(path, offset, CHUNK_BYTES);
    if (part === undefined || part.length === 0) return;
    yield part;
    offset += part.length;
  }
}
