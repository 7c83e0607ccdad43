import { crc32 } from "node:zlib";
import type { AppendFile, Disk } from "#base/env/disk.ts";
import { textOf, utf8 } from "#base/env/bytes.ts";
import { DiskError } from "#base/env/disk.ts";
import { messageOf } from "#base/env/errors.ts";
import { StoreError, type Change, type RevisionChange, type StoreRecord } from "../store.ts";
import { parseGroup, parseHeader, type JournalHeader, type JournalRevision } from "./journal-line.ts";
import type { Journal, JournalState } from "./memory-store.ts";

/** A journal this many times the size of what it would be when fresh is written anew, but not below the floor. */
const GROWTH = 4;
const REWRITE_BYTES = 1 << 20;

export interface OpenedJournal {
  readonly journal: Journal;
  readonly restored: JournalState;
}

/**
 * A memory store's transactions in one file: a line per group of revisions, each with its checksum, after a first line
 * that holds the state it starts from. A torn last line was never acknowledged and is cut off, whatever parts of it
 * reached the disk; anything else that does not read is `corrupt`. Rejects with a {@link StoreError}.
 */
export async function openJournal(disk: Disk, path: string): Promise<OpenedJournal> {
  try {
    const bytes = await disk.read(path);
    const read = bytes === undefined ? freshState() : readJournal(path, bytes);
    if (bytes === undefined) await disk.replace(path, header(read.state), { mode: 0o600 });
    else if (read.size < bytes.length) await disk.truncate(path, read.size);
    const size = bytes === undefined ? undefined : read.size;
    const file = await disk.openAppend(path, { mode: 0o600 });
    return { journal: new FileJournal({ disk, path, file, size: size ?? file.size }), restored: read.state };
  } catch (thrown) {
    throw toStoreError(thrown, `open ${path}`);
  }
}

class FileJournal implements Journal {
  readonly #disk: Disk;
  readonly #path: string;
  #file: AppendFile;
  /** What is known to be whole; more may be there after a write that failed. */
  #size: number;
  #rewriteAt: number;
  #torn = false;

  constructor(open: { readonly disk: Disk; readonly path: string; readonly file: AppendFile; readonly size: number }) {
    this.#disk = open.disk;
    this.#path = open.path;
    this.#file = open.file;
    this.#size = open.size;
    this.#rewriteAt = Math.max(REWRITE_BYTES, GROWTH * open.size);
  }

  get bytes(): number {
    return this.#size;
  }

  async append(revisions: readonly RevisionChange[], state: JournalState): Promise<void> {
    try {
      if (this.#torn) await this.#mend();
      if (this.#size > this.#rewriteAt && (await this.#rewrite(state))) return;
      const group = utf8(line(revisions.map(revisionText)));
      this.#torn = true;
      await this.#file.append(group);
      await this.#file.sync();
      this.#torn = false;
      this.#size += group.length;
    } catch (thrown) {
      throw toStoreError(thrown, `write ${this.#path}`);
    }
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  /** Cuts off what a failed write may have left. */
  async #mend(): Promise<void> {
    await this.#file.close();
    await this.#disk.truncate(this.#path, this.#size);
    this.#file = await this.#disk.openAppend(this.#path);
    this.#torn = false;
  }

  /** The newest state instead of how it came to be; what was to be appended is part of it. False: no room, append. */
  async #rewrite(state: JournalState): Promise<boolean> {
    try {
      await this.#disk.replace(this.#path, header(state), { mode: 0o600 });
    } catch {
      this.#rewriteAt *= 2;
      return false;
    }
    await this.#file.close();
    this.#file = await this.#disk.openAppend(this.#path);
    this.#size = this.#file.size;
    this.#rewriteAt = Math.max(REWRITE_BYTES, GROWTH * this.#size);
    return true;
  }
}

function freshState(): { state: JournalState; size: number } {
  return { state: { revision: 0, compactedRevision: 0, records: [] }, size: 0 };
}

function header({ revision, records }: JournalState): string {
  const rows = Array.from(records, (r) => [r.key, r.value, r.createRevision, r.modRevision, r.version]);
  return line({ format: 1, revision, records: rows });
}

function revisionText({ revision, changes }: RevisionChange): readonly unknown[] {
  return [revision, changes.map(changeText)];
}

function changeText(change: Change): readonly unknown[] {
  if (change.kind === "delete") return [change.key];
  const { key, value, createRevision, version } = change.record;
  return [key, value, createRevision, version];
}

/** Eight hexadecimal digits of CRC-32, a space, JSON, a line feed. */
function line(content: unknown): string {
  const text = JSON.stringify(content);
  return `${crc32(text).toString(16).padStart(8, "0")} ${text}\n`;
}

function readJournal(path: string, bytes: Uint8Array): { state: JournalState; size: number } {
  const records = new Map<string, StoreRecord>();
  let first: JournalHeader | undefined;
  let revision = 0;
  let size = 0;
  for (let at = 0; at < bytes.length; at = size) {
    const end = bytes.indexOf(10, at);
    const content = end < 0 ? undefined : contentOf(textOf(bytes.subarray(at, end)));
    if (content === undefined) {
      if (isTail(bytes, end)) break;
      throw corrupt(path, `the line at byte ${at} does not match its checksum`);
    }
    if (first === undefined) {
      first = parseHeader(content);
      if (first === undefined) throw foreign(path);
      for (const record of first.records) records.set(record.key, record);
      revision = first.revision;
    } else {
      const group = parseGroup(content);
      if (group === undefined) throw corrupt(path, `no revisions at byte ${at}`);
      for (const next of group) {
        if (next.revision !== revision + 1) throw corrupt(path, `revision ${revision} is followed by ${next.revision}`);
        apply(records, next);
        revision = next.revision;
      }
    }
    size = end + 1;
  }
  if (first === undefined) throw corrupt(path, "its first line is torn");
  return { state: { revision, compactedRevision: revision, records: records.values() }, size };
}

/** Nothing whole follows: one write was cut short, and may have left anything, line feeds too. */
function isTail(bytes: Uint8Array, end: number): boolean {
  for (let at = end < 0 ? bytes.length : end + 1; at < bytes.length;) {
    const next = bytes.indexOf(10, at);
    if (next < 0) return true;
    if (contentOf(textOf(bytes.subarray(at, next))) !== undefined) return false;
    at = next + 1;
  }
  return true;
}

function contentOf(text: string): unknown {
  const json = text.slice(9);
  if (text.slice(0, 9) !== `${crc32(json).toString(16).padStart(8, "0")} `) return undefined;
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

function apply(records: Map<string, StoreRecord>, { revision, changes }: JournalRevision): void {
  for (const { key, value, createRevision, version } of changes) {
    if (value === undefined) records.delete(key);
    else records.set(key, { key, value, createRevision, modRevision: revision, version });
  }
}

function corrupt(path: string, what: string): StoreError {
  return new StoreError("corrupt", `${path} is damaged: ${what}; move it away and restore a snapshot`);
}

function foreign(path: string): StoreError {
  return new StoreError("foreign_version", `${path} is no journal of format 1: run the version of lares that wrote it`);
}

function toStoreError(thrown: unknown, action: string): StoreError {
  if (thrown instanceof StoreError) return thrown;
  const code = thrown instanceof DiskError && (thrown.code === "ENOSPC" || thrown.code === "EDQUOT") ? "full" : "io";
  return new StoreError(code, `cannot ${action}: ${messageOf(thrown)}`);
}
