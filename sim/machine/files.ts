import { dirname } from "node:path/posix";
import type { Prng } from "../prng.ts";

export type Entry = FileEntry | FolderEntry | LinkEntry;

export interface FileEntry {
  readonly kind: "file";
  bytes: Uint8Array;
  size: number;
  /** Bytes from the start that survive a power cut for certain. */
  synced: number;
  mode: number;
  modifiedMs: number;
}

export interface FolderEntry {
  readonly kind: "directory";
  mode: number;
  modifiedMs: number;
}

export interface LinkEntry {
  readonly kind: "symlink";
  readonly target: string;
  readonly mode: number;
  readonly modifiedMs: number;
}

const CAPACITY_BYTES = 1_000_000_000;

/** What a disk holds. Names are durable as soon as they are made, as the real platform syncs their folder; removals are not. */
export class SimFiles {
  readonly entries = new Map<string, Entry>([["/", { kind: "directory", mode: 0o755, modifiedMs: 0 }]]);
  /** Bytes all files together may take. */
  capacityBytes = CAPACITY_BYTES;
  /** Every sync fails with EIO while set. */
  failSyncs = false;
  readonly #random: Prng;
  /** Removed, and not known to the disk yet, by folder. */
  readonly #unsyncedRemovals = new Map<string, Map<string, Entry>>();

  constructor(random: Prng) {
    this.#random = random;
  }

  /** Room again, and syncs that work. */
  heal(): void {
    this.capacityBytes = CAPACITY_BYTES;
    this.failSyncs = false;
  }

  get usedBytes(): number {
    let used = 0;
    for (const entry of this.entries.values()) if (entry.kind === "file") used += entry.size;
    return used;
  }

  /** The entry behind `path`, through links in its last part. */
  follow(path: string): Entry | undefined {
    let entry = this.entries.get(path);
    let at = path;
    for (let hops = 0; entry?.kind === "symlink" && hops < 40; hops++) {
      at = entry.target.startsWith("/") ? entry.target : `${dirname(at)}/${entry.target}`;
      entry = this.entries.get(at);
    }
    return entry;
  }

  /** `path` and what is below it. */
  under(path: string): readonly string[] {
    const below = `${path === "/" ? "" : path}/`;
    return [...this.entries.keys()].filter((each) => each === path || each.startsWith(below));
  }

  remove(path: string): void {
    const removed = this.#unsyncedRemovals.get(dirname(path)) ?? new Map<string, Entry>();
    for (const each of this.under(path)) {
      const entry = this.entries.get(each);
      if (entry !== undefined) removed.set(each, entry);
      this.entries.delete(each);
    }
    this.#unsyncedRemovals.set(dirname(path), removed);
  }

  /** A folder was synced: its removals are for good. */
  syncFolder(folder: string): void {
    this.#unsyncedRemovals.delete(folder);
  }

  /**
   * Of what was written after the last sync any part from its start on may have reached the disk, with its last bytes
   * damaged; removals in a folder that was not synced may be undone.
   */
  losePower(): void {
    for (const removed of this.#unsyncedRemovals.values()) {
      if (this.#random.chance(0.5)) continue;
      for (const [path, entry] of removed) if (!this.entries.has(path)) this.entries.set(path, entry);
    }
    this.#unsyncedRemovals.clear();
    for (const entry of this.entries.values()) {
      if (entry.kind !== "file" || entry.size === entry.synced) continue;
      const unsynced = entry.size - entry.synced;
      const kept = this.#random.chance(0.4) ? 0 : Math.floor(this.#random.float() * (unsynced + 1));
      entry.size = entry.synced + kept;
      if (kept > 0 && this.#random.chance(0.3)) {
        const torn = entry.synced + Math.floor(this.#random.float() * kept);
        entry.bytes.fill(0, torn, entry.size);
      }
      entry.synced = entry.size;
    }
  }
}
