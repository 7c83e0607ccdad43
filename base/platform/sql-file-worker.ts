import { renameSync, rmSync } from "node:fs";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { parentPort, workerData } from "node:worker_threads";
import { assert } from "#base/env/assert.ts";
import { messageOf } from "#base/env/errors.ts";
import type { SqlFileOptions, SqlNumbers, SqlRow, SqlValue } from "#base/env/sql.ts";
import { goBehind } from "./priority.ts";
import type { SqlReply, SqlRequest } from "./sql-file-wire.ts";

/** Statements kept compiled. */
const MAX_STATEMENTS = 64;
/** SQLITE_CORRUPT and SQLITE_NOTADB (https://www.sqlite.org/rescode.html). */
const DAMAGED = [11, 26];
const BUSY_MS = 5000;
const ROWS_A_CALL = 32;

function run(): void {
  const port = parentPort;
  assert(port !== null, "this file runs as a worker thread");
  const options: unknown = workerData;
  assert(isOptions(options), "the worker is started with its options");
  goBehind();
  const send = (reply: SqlReply): void => port.postMessage(reply);
  let file: File | undefined;
  const attempt = (work: () => readonly SqlRow[]): void => {
    try {
      send({ kind: "rows", rows: work() });
    } catch (thrown) {
      send({ kind: "failed", message: messageOf(thrown) });
    }
  };
  attempt(() => {
    file = openOrBeginAnew(options);
    return [];
  });
  port.on("message", (request: SqlRequest) => {
    attempt(() => {
      if (file === undefined) throw new Error("the database could not be opened");
      return file.serve(request);
    });
    if (request.kind === "close") port.close();
  });
}

function openOrBeginAnew(options: SqlFileOptions): File {
  try {
    return new File(options);
  } catch (thrown) {
    if (!isDamage(thrown)) throw thrown;
    renameSync(options.path, `${options.path}.broken`);
    for (const tail of ["-wal", "-shm"]) rmSync(`${options.path}${tail}`, { force: true });
    return new File(options);
  }
}

class File {
  readonly #db: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  constructor({ path, schema }: SqlFileOptions) {
    this.#db = new DatabaseSync(path, { timeout: BUSY_MS });
    try {
      // A power cut may cost the last moments, never the file (https://www.sqlite.org/pragma.html#pragma_synchronous).
      this.#db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -2000");
      for (const sql of schema) this.#db.exec(sql);
    } catch (thrown) {
      this.#db.close();
      throw thrown;
    }
  }

  serve(request: SqlRequest): readonly SqlRow[] {
    switch (request.kind) {
      case "read":
        return this.#statement(request.sql)
          .all(...request.values)
          .map((row) => Object.values(row).map(plain));
      case "write":
        this.#write(request.steps);
        return [];
      case "close":
        this.#statements.clear();
        this.#db.close();
        return [];
      default:
        return request satisfies never;
    }
  }

  #write(steps: Extract<SqlRequest, { kind: "write" }>["steps"]): void {
    this.#db.exec("BEGIN IMMEDIATE");
    try {
      for (const step of steps) {
        if ("numbers" in step) this.#insert(step);
        else {
          const statement = this.#statement(step.sql);
          for (const row of step.rows) statement.run(...row);
        }
      }
      this.#db.exec("COMMIT");
    } catch (thrown) {
      if (this.#db.isTransaction) this.#db.exec("ROLLBACK");
      throw thrown;
    }
  }

  /** Several rows a statement: a call costs more than a row. */
  #insert({ insert, numbers, width }: SqlNumbers): void {
    const row = `(${Array.from({ length: width }, () => "?").join()})`;
    const several = ROWS_A_CALL * width;
    let at = 0;
    if (numbers.length >= several) {
      const statement = this.#statement(`${insert} ${Array.from({ length: ROWS_A_CALL }, () => row).join()}`);
      for (; at + several <= numbers.length; at += several) statement.run(...numbers.subarray(at, at + several));
    }
    const statement = this.#statement(`${insert} ${row}`);
    for (; at < numbers.length; at += width) statement.run(...numbers.subarray(at, at + width));
  }

  #statement(sql: string): StatementSync {
    const known = this.#statements.get(sql);
    if (known !== undefined) return known;
    if (this.#statements.size >= MAX_STATEMENTS) this.#statements.clear();
    const made = this.#db.prepare(sql);
    made.setReturnArrays(true);
    this.#statements.set(sql, made);
    return made;
  }
}

function plain(value: unknown): SqlValue {
  return typeof value === "string" || typeof value === "number" ? value : null;
}

function isDamage(thrown: unknown): boolean {
  if (!(thrown instanceof Error) || !("errcode" in thrown)) return false;
  return typeof thrown.errcode === "number" && DAMAGED.includes(thrown.errcode & 0xff);
}

function isOptions(value: unknown): value is SqlFileOptions {
  return typeof value === "object" && value !== null && "path" in value && "schema" in value;
}

run();
