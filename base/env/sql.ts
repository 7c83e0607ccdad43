/** What a cell holds. */
export type SqlValue = string | number | null;
export type SqlRow = readonly SqlValue[];

/** One statement, run once for each of `rows`. */
export interface SqlRows {
  readonly sql: string;
  readonly rows: readonly SqlRow[];
}

/** Rows of numbers alone, many of them: `insert` is a statement up to `VALUES`, `numbers` row after row. */
export interface SqlNumbers {
  readonly insert: string;
  readonly numbers: Float64Array<ArrayBuffer>;
  /** Columns of a row. */
  readonly width: number;
}

export type SqlStep = SqlRows | SqlNumbers;

/**
 * A database in one file, worked on away from the thread that calls: nothing here keeps a turn waiting for a disk. Calls
 * are served in their order. Each rejects with a `CodedError`: `SQL_FILE` (what SQLite said), `SQL_CLOSED`.
 */
export interface SqlFile {
  /** All steps or none of them. Numbers are handed over: their array is empty afterwards. */
  write(steps: readonly SqlStep[]): Promise<void>;
  /** Rows as arrays, in the order of the columns. */
  read(sql: string, values: SqlRow): Promise<readonly SqlRow[]>;
  close(): Promise<void>;
}

export interface SqlFileOptions {
  readonly path: string;
  /** Statements run at every opening: `CREATE TABLE IF NOT EXISTS …`. */
  readonly schema: readonly string[];
}

export type OpenSqlFile = (options: SqlFileOptions) => Promise<SqlFile>;
