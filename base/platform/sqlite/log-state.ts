import { KeyIndex } from "./key-index.ts";
import type { LogFile, LogHead, LogRow } from "./log-file.ts";

/** What is known of the log without reading it again. */
export interface LogState {
  readonly file: LogFile;
  readonly index: KeyIndex;
  revision: number;
  lastRow: number;
  /** In the file, superseded ones included. */
  rows: number;
  compacted: number;
}

/** Rows per step: a few milliseconds. */
const STEP_ROWS = 2000;

/**
 * Reads the log from its newest row to its oldest, so that each row is known to be superseded or not when it is met: one
 * pass gives the index and, to whoever wants them, the newest records. Every row names the one it supersedes, which tells
 * a whole log from one with holes. Throws `corrupt` then.
 */
export class LogLoader {
  readonly state: LogState;
  /** Rows that a newer row supersedes, and the revision of that one. */
  readonly #superseded = new Map<number, number>();
  readonly #recordedRow: number;
  /** The row read last; the rows below are yet to be read. */
  #position = Number.MAX_SAFE_INTEGER;
  #lastRevision = 0;
  #done = false;

  constructor(file: LogFile) {
    const compacted = file.readMeta("compacted") ?? 0;
    this.#recordedRow = file.readMeta("last") ?? 0;
    this.state = { file, index: new KeyIndex(), revision: 0, lastRow: 0, rows: 0, compacted };
  }

  get done(): boolean {
    return this.#done;
  }

  /** Rows from this one up have been read. */
  get position(): number {
    return this.#position;
  }

  /** Reads on without values. */
  step(): void {
    const heads = this.state.file.headsBelow(this.#position, STEP_ROWS);
    for (const head of heads) this.#take(head);
    this.#finishIf(heads.length < STEP_ROWS);
  }

  /** Reads on, and gives the newest records it met. */
  stepWithValues(): LogRow[] {
    const rows = this.state.file.readBelow(this.#position, STEP_ROWS);
    const live = rows.filter((row) => this.#take({ ...row, deleted: row.value === undefined }));
    this.#finishIf(rows.length < STEP_ROWS);
    return live;
  }

  /** Whether the row is the newest of its key, and a put. */
  #take(head: LogHead): boolean {
    const { file, index } = this.state;
    const { row, key, revision, createRevision, version, previous } = head;
    if (this.state.lastRow === 0) {
      if (row < this.#recordedRow) throw file.corrupt(`rows ${row + 1} to ${this.#recordedRow} are missing at its end`);
      this.state.lastRow = row;
      this.state.revision = revision;
    } else {
      this.#checkFollows(head);
    }
    this.state.rows += 1;
    this.#position = row;
    this.#lastRevision = revision;
    if (previous > 0) this.#superseded.set(previous, revision);
    if (this.#superseded.delete(row) || head.deleted) return false;
    const at = { row, createRevision, modRevision: revision, version };
    if (!index.insert(key, at)) throw file.corrupt(`row ${row} of ${key} is superseded by nothing, and not the newest`);
    return true;
  }

  /** From the compacted revision on nothing may be missing. */
  #checkFollows({ row, revision }: LogHead): void {
    if (this.#lastRevision <= this.state.compacted) return;
    const step = this.#lastRevision - revision;
    if (row + 1 !== this.#position || step < 0 || step > 1) {
      throw this.state.file.corrupt(
        `row ${this.#position} of revision ${this.#lastRevision} follows row ${row} of revision ${revision}`,
      );
    }
  }

  #finishIf(last: boolean): void {
    if (!last) return;
    this.#done = true;
    this.#position = 1;
    const { file, compacted, rows } = this.state;
    const first = compacted === 0 ? 1 : compacted;
    if (rows > 0 ? this.#lastRevision > first : compacted > 0 || this.#recordedRow > 0) {
      throw file.corrupt(`revisions ${first} to ${this.#lastRevision - 1} are missing at its start`);
    }
    for (const [row, by] of this.#superseded) {
      if (by > compacted) throw file.corrupt(`row ${row} is missing, which revision ${by} supersedes`);
    }
  }
}
