import type { LogRow } from "./log-file.ts";
import type { LogLoader, LogState } from "./log-state.ts";
import type { Reply } from "./wire.ts";

/** Rows per page. */
const PAGE_ROWS = 2000;
/** Above this many rows in the file, asking the index row by row is cheaper than a map of all rows. */
const MAX_MAPPED_ROWS = 64_000_000;

/**
 * Gives the newest records, page by page. One that starts while the log is being loaded takes the records the loader
 * meets, so that everything is read once; what was loaded before it came, or without it, it reads afterwards.
 */
export class Scan {
  readonly #loader: LogLoader;
  readonly #state: LogState;
  readonly #prefix: string;
  /** Stretches of rows to read once the log is loaded, both ends included. */
  readonly #left: { from: number; readonly to: number }[] = [];
  /** Rows from here up were met, or lie in `#left`. */
  #position: number;
  #riding = true;
  #lastRow = 0;
  #revision = 0;
  #live: Uint8Array | undefined;

  constructor(loader: LogLoader, prefix: string) {
    this.#loader = loader;
    this.#state = loader.state;
    this.#prefix = prefix;
    this.#position = loader.position;
    if (loader.position <= loader.state.lastRow) this.#left.push({ from: loader.position, to: loader.state.lastRow });
  }

  page(): Extract<Reply, { kind: "scan" }> {
    const rows = this.#riding && !this.#loader.done ? this.#ride() : this.#readLeft();
    const texts: string[] = [];
    const numbers: number[] = [];
    for (const { revision, key, value = "", createRevision, version } of rows) {
      if (!key.startsWith(this.#prefix)) continue;
      texts.push(key, value);
      numbers.push(createRevision, revision, version);
    }
    const done = this.#loader.done && !this.#riding && this.#left.length === 0;
    return { kind: "scan", records: { texts, numbers }, revision: this.#revision, done };
  }

  #ride(): LogRow[] {
    this.#leaveGap();
    const live = this.#loader.stepWithValues();
    this.#position = this.#loader.position;
    this.#lastRow = this.#state.lastRow;
    this.#revision = this.#state.revision;
    if (this.#loader.done) this.#alight();
    return live;
  }

  /** Nothing more comes from the loader. */
  #alight(): void {
    this.#riding = false;
    if (this.#lastRow === 0) {
      this.#lastRow = this.#state.lastRow;
      this.#revision = this.#state.revision;
    }
    this.#leaveGap();
    if (this.#left.length > 0 && this.#lastRow < MAX_MAPPED_ROWS) {
      this.#live = this.#state.index.liveRows(this.#lastRow);
    }
  }

  /** The loader went on without this scan, for another one or for whoever waits: those rows are left to read. */
  #leaveGap(): void {
    const { position } = this.#loader;
    if (this.#position <= position) return;
    this.#left.push({ from: position, to: Math.min(this.#position - 1, this.#state.lastRow) });
    this.#position = position;
  }

  #readLeft(): LogRow[] {
    if (this.#riding) this.#alight();
    const [stretch] = this.#left;
    if (stretch === undefined) return [];
    const rows = this.#state.file.readFrom(stretch.from, PAGE_ROWS);
    const last = rows.at(-1)?.row ?? stretch.to;
    if (rows.length < PAGE_ROWS || last >= stretch.to) this.#left.shift();
    else stretch.from = last + 1;
    return rows.filter(({ row, key, value }) => row <= stretch.to && value !== undefined && this.#isLive(row, key));
  }

  #isLive(row: number, key: string): boolean {
    if (this.#live === undefined) return this.#state.index.rowOf(key) === row;
    return ((this.#live[Math.floor(row / 8)] ?? 0) & (1 << (row % 8))) !== 0;
  }
}
