import { chmodSync, closeSync, mkdirSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { crc32 } from "node:zlib";
import { StoreError, type StoreRecord } from "#base/state/store.ts";
import { toOpenError, toStoreError } from "./sqlite-errors.ts";

/** Of the folder's layout; another one is refused. */
export const FORMAT = 1;
export const DATABASE_NAME = "state.db";
const HOLDER_NAME = "state.pid";

/** Pages written to the WAL before SQLite copies them into the database and starts the WAL over: 8 MiB. */
const WAL_PAGES = 1000;
/** SQLite's page cache, in KiB: appending touches few pages, and the key index is ours. */
const CACHE_KIB = 2000;
/** A fifth more records per second than 4 KiB, and what flash writes at once anyway. */
const PAGE_BYTES = 8192;

const COLUMNS = 8;
/** Rows that go to SQLite together: a tenth more records per second than one by one. */
const ROWS_PER_INSERT = 8;

/** One row of the log: a put, or a delete (`value` undefined). `previous`: the row it supersedes, 0 for none. */
export interface LogRow {
  readonly row: number;
  readonly revision: number;
  readonly key: string;
  readonly value: string | undefined;
  readonly createRevision: number;
  readonly version: number;
  readonly previous: number;
}

/** A row without what takes long to read. */
export interface LogHead extends Omit<LogRow, "value"> {
  readonly deleted: boolean;
}

/**
 * The append-only revision log in an SQLite file. `row` counts writes without gaps, revisions rise with it.
 * Every row carries a checksum of all it says. Throws {@link StoreError}.
 */
export class LogFile {
  readonly path: string;
  readonly #folder: string;
  readonly #db: DatabaseSync;
  readonly #begin: StatementSync;
  readonly #commit: StatementSync;
  readonly #insert: StatementSync;
  readonly #insertMany: StatementSync;
  /** Columns of rows that were appended and not yet handed to SQLite. */
  readonly #unwritten: (number | string | null)[] = [];
  readonly #byRow: StatementSync;
  readonly #from: StatementSync;
  readonly #heads: StatementSync;
  readonly #headsBelow: StatementSync;
  readonly #below: StatementSync;
  readonly #atOrAfter: StatementSync;
  readonly #remove: StatementSync;
  readonly #pages: StatementSync;

  constructor(folder: string, maxBytes: number | undefined) {
    this.#folder = folder;
    this.path = join(folder, DATABASE_NAME);
    this.#db = this.#open(maxBytes);
    this.#begin = this.#db.prepare("BEGIN IMMEDIATE");
    this.#commit = this.#db.prepare("COMMIT");
    const columns = "id, revision, created, version, previous, checksum, key, value";
    const places = `(${new Array(COLUMNS).fill("?").join(", ")})`;
    const many = new Array(ROWS_PER_INSERT).fill(places).join(", ");
    this.#insert = this.#db.prepare(`INSERT INTO log (${columns}) VALUES ${places}`);
    this.#insertMany = this.#db.prepare(`INSERT INTO log (${columns}) VALUES ${many}`);
    this.#byRow = rowsOf(this.#db.prepare(`SELECT ${columns} FROM log WHERE id = ?`));
    this.#from = rowsOf(this.#db.prepare(`SELECT ${columns} FROM log WHERE id >= ? ORDER BY id LIMIT ?`));
    const heads = "id, revision, created, version, previous, key, value IS NULL";
    this.#heads = rowsOf(this.#db.prepare(`SELECT ${heads} FROM log WHERE id >= ? ORDER BY id`));
    this.#headsBelow = rowsOf(this.#db.prepare(`SELECT ${heads} FROM log WHERE id < ? ORDER BY id DESC LIMIT ?`));
    this.#below = rowsOf(this.#db.prepare(`SELECT ${columns} FROM log WHERE id < ? ORDER BY id DESC LIMIT ?`));
    this.#atOrAfter = rowsOf(this.#db.prepare("SELECT id, revision FROM log WHERE id >= ? ORDER BY id LIMIT 1"));
    this.#remove = this.#db.prepare("DELETE FROM log WHERE id = ?");
    this.#pages = rowsOf(this.#db.prepare("PRAGMA page_count"));
  }

  /** Runs `work` as one transaction on disk: all of it is durable when this returns, or none when it throws. */
  transact(work: () => void): void {
    try {
      this.#begin.run();
      work();
      this.#flush();
      this.#commit.run();
    } catch (thrown) {
      this.#unwritten.length = 0;
      if (this.#db.isTransaction) this.#db.exec("ROLLBACK");
      throw toStoreError(thrown, `write ${this.path}`);
    }
  }

  append(row: LogRow): void {
    const { row: id, revision, createRevision, version, previous, key, value } = row;
    this.#unwritten.push(id, revision, createRevision, version, previous, checksumOf(row), key, value ?? null);
    if (this.#unwritten.length < ROWS_PER_INSERT * COLUMNS) return;
    this.#insertMany.run(...this.#unwritten);
    this.#unwritten.length = 0;
  }

  /** Writes what waits for a statement of its own size. */
  #flush(): void {
    for (let at = 0; at < this.#unwritten.length; at += COLUMNS) {
      this.#insert.run(...this.#unwritten.slice(at, at + COLUMNS));
    }
    this.#unwritten.length = 0;
  }

  read(row: number): LogRow | undefined {
    this.#flush();
    const found: unknown = this.#byRow.get(row);
    return found === undefined ? undefined : this.#toRow(found);
  }

  readFrom(row: number, limit: number): LogRow[] {
    return this.#from.all(row, limit).map((found) => this.#toRow(found));
  }

  *heads(fromRow: number): Generator<LogHead, void, void> {
    for (const found of this.#heads.iterate(fromRow)) yield this.#toHead(found);
  }

  /** At most `limit` rows below `row`, the newest first. */
  readBelow(row: number, limit: number): LogRow[] {
    return this.#below.all(row, limit).map((found) => this.#toRow(found));
  }

  /** The same without values. */
  headsBelow(row: number, limit: number): LogHead[] {
    return this.#headsBelow.all(row, limit).map((found) => this.#toHead(found));
  }

  /** At most `limit` of them. */
  headsFrom(row: number, limit: number): LogHead[] {
    const heads: LogHead[] = [];
    for (const head of this.heads(row)) {
      heads.push(head);
      if (heads.length === limit) break;
    }
    return heads;
  }

  /** The first row of the first revision that is not below `revision`, among rows up to `lastRow`; `lastRow + 1` for none. */
  firstRowOf(revision: number, lastRow: number): number {
    let low = 0;
    let high = lastRow + 1;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      const there: unknown = this.#atOrAfter.get(middle);
      if (isPair(there) && there[1] < revision) low = there[0] + 1;
      else high = middle;
    }
    return low;
  }

  /** How many rows that removed: 1, or 0 when it was gone. */
  remove(row: number): number {
    return Number(this.#remove.run(row).changes);
  }

  readMeta(name: string): number | undefined {
    const found = this.#db.prepare("SELECT value FROM meta WHERE name = ?").get(name)?.["value"];
    return typeof found === "number" ? found : undefined;
  }

  writeMeta(name: string, value: number): void {
    this.#db
      .prepare("INSERT INTO meta VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value")
      .run(name, value);
  }

  /** Of the database and its WAL. */
  bytes(): number {
    const pages: unknown = this.#pages.get();
    const wal = statSync(`${this.path}-wal`, { throwIfNoEntry: false })?.size ?? 0;
    return (Array.isArray(pages) && typeof pages[0] === "number" ? pages[0] * PAGE_BYTES : 0) + wal;
  }

  /** `lastRow`: noted, so that a later start misses rows that were lost at the end. */
  close(lastRow?: number): void {
    try {
      if (lastRow !== undefined && lastRow !== this.readMeta("last")) this.writeMeta("last", lastRow);
    } catch {
      // A full disk: the note is for good measure.
    }
    this.#db.close();
    rmSync(join(this.#folder, HOLDER_NAME), { force: true });
  }

  #toHead(found: unknown): LogHead {
    if (!isHead(found)) throw this.corrupt("a row of unknown shape");
    const [row, revision, createRevision, version, previous, key, deleted] = found;
    return { row, revision, createRevision, version, previous, key, deleted: deleted === 1 };
  }

  /** What the row says, once its checksum agrees. */
  #toRow(found: unknown): LogRow {
    if (!isFull(found)) throw this.corrupt("a row of unknown shape");
    const [row, revision, createRevision, version, previous, checksum, key, value] = found;
    const read = { row, revision, createRevision, version, previous, key, value: value ?? undefined };
    if (checksumOf(read) !== checksum) throw this.corrupt(`row ${row} (${key}) does not match its checksum`);
    return read;
  }

  corrupt(what: string): StoreError {
    return new StoreError("corrupt", `${this.path} is damaged: ${what}; move the folder away and restore a snapshot`);
  }

  #open(maxBytes: number | undefined): DatabaseSync {
    let db: DatabaseSync | undefined;
    try {
      mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
      // SQLite gives its other files the mode of this one.
      closeSync(openSync(this.path, "a", 0o600));
      chmodSync(this.path, 0o600);
      db = new DatabaseSync(this.path, { timeout: 0 });
      this.#prepare(db, maxBytes);
      writeFileSync(join(this.#folder, HOLDER_NAME), `${process.pid}\n`, { mode: 0o600 });
      return db;
    } catch (thrown) {
      db?.close();
      const error = toOpenError(thrown, this.path);
      throw error.code === "busy" ? this.#busy() : error;
    }
  }

  #prepare(db: DatabaseSync, maxBytes: number | undefined): void {
    // Exclusive before WAL: the index of the WAL then lives in our memory, and a second agent is refused.
    db.exec(`PRAGMA locking_mode = EXCLUSIVE; PRAGMA page_size = ${PAGE_BYTES}; PRAGMA journal_mode = WAL;`);
    db.exec(`PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = ${WAL_PAGES}; PRAGMA cache_size = -${CACHE_KIB};`);
    if (maxBytes !== undefined) db.exec(`PRAGMA max_page_count = ${Math.ceil(maxBytes / PAGE_BYTES)}`);
    db.exec("BEGIN IMMEDIATE");
    const empty = db.prepare("SELECT count(*) AS n FROM sqlite_schema").get()?.["n"] === 0;
    if (empty) db.exec(SCHEMA);
    db.exec("COMMIT");
    const format = formatOf(db);
    if (format !== FORMAT) throw this.#foreign(format);
  }

  #foreign(format: number | undefined): StoreError {
    if (format === undefined) {
      return new StoreError(
        "foreign_version",
        `${this.path} is an SQLite file of another program; choose another folder`,
      );
    }
    return new StoreError(
      "foreign_version",
      `${this.path} has format ${format}, this lares reads format ${FORMAT}: ` +
        `run the version that wrote it, or restore a snapshot into an empty folder`,
    );
  }

  #busy(): StoreError {
    const holder = readHolder(join(this.#folder, HOLDER_NAME));
    return new StoreError(
      "busy",
      `the state in ${this.#folder} is in use by ${holder === undefined ? "another process" : `process ${holder}`}: ` +
        `stop it, or give this agent a data folder of its own`,
    );
  }
}

export function recordOf(row: LogRow): StoreRecord {
  const { key, value = "", createRevision, revision, version } = row;
  return { key, value, createRevision, modRevision: revision, version };
}

const SCHEMA = `
  CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
  INSERT INTO meta VALUES ('program', 'lares'), ('format', ${FORMAT}), ('compacted', 0), ('swept', 0);
  CREATE TABLE log (id INTEGER PRIMARY KEY, revision INTEGER, created INTEGER, version INTEGER, previous INTEGER,
    checksum INTEGER, key TEXT, value TEXT);
`;

function formatOf(db: DatabaseSync): number | undefined {
  try {
    const program = db.prepare("SELECT value FROM meta WHERE name = 'program'").get()?.["value"];
    const format = db.prepare("SELECT value FROM meta WHERE name = 'format'").get()?.["value"];
    return program === "lares" && typeof format === "number" ? format : undefined;
  } catch (thrown) {
    if (toStoreError(thrown, "read").code === "corrupt") throw thrown;
    return undefined;
  }
}

/** CRC-32 of the texts, mixed with the numbers (multiplication by an odd constant loses nothing). */
function checksumOf({ row, revision, createRevision, version, previous, key, value }: LogRow): number {
  let mixed = value === undefined ? 1 : 2;
  mixed = mix(mixed, row);
  mixed = mix(mixed, revision);
  mixed = mix(mixed, createRevision);
  mixed = mix(mixed, version);
  mixed = mix(mixed, previous);
  const texts = crc32(key, mixed >>> 0);
  return value === undefined ? texts : crc32(value, texts);
}

/** Takes in all 53 bits of a whole number. */
function mix(hash: number, number: number): number {
  return Math.imul(Math.imul(hash ^ number, 0x9e3779b1) ^ (number / 2 ** 32), 0x85ebca6b);
}

function readHolder(path: string): number | undefined {
  try {
    const pid = Number(readFileSync(path, "utf8"));
    return Number.isInteger(pid) && pid > 0 ? pid : undefined;
  } catch {
    return undefined;
  }
}

/** Arrays instead of objects: half the time per row. */
function rowsOf(statement: StatementSync): StatementSync {
  statement.setReturnArrays(true);
  return statement;
}

type FullColumns = [number, number, number, number, number, number, string, string | null];

function isFull(found: unknown): found is FullColumns {
  return Array.isArray(found) && areNumbers(found, 6) && typeof found[6] === "string" && isTextOrNull(found[7]);
}

function isHead(found: unknown): found is [number, number, number, number, number, string, number] {
  return Array.isArray(found) && areNumbers(found, 5) && typeof found[5] === "string" && typeof found[6] === "number";
}

function isPair(found: unknown): found is [number, number] {
  return Array.isArray(found) && areNumbers(found, 2);
}

function areNumbers(columns: readonly unknown[], count: number): boolean {
  for (let i = 0; i < count; i++) if (typeof columns[i] !== "number") return false;
  return true;
}

function isTextOrNull(column: unknown): boolean {
  return column === null || typeof column === "string";
}
