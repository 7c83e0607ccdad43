import { StoreError } from "#base/state/store.ts";
import type { LogState } from "./log-state.ts";
import type { WorkerSettings } from "./wire.ts";

/** Log rows one step looks at, so that writers wait for it a few milliseconds at most. */
const STEP_ROWS = 2000;

/**
 * Forgets history: first the revision below which nobody may ask is made durable, then what was superseded below it is
 * removed step by step. A crash in between costs nothing but a second look.
 */
export class Compaction {
  readonly #state: LogState;
  readonly #settings: WorkerSettings;
  /** Rows before this one were looked at. */
  #nextRow: number;
  #done = false;

  constructor(state: LogState, settings: WorkerSettings) {
    this.#state = state;
    this.#settings = settings;
    this.#nextRow = state.file.readMeta("swept") ?? 1;
  }

  /** Whether there is work for {@link step}. */
  get pending(): boolean {
    return !this.#done;
  }

  /** Durable when it returns. */
  compact(revision: number): void {
    const { file, revision: newest, compacted } = this.#state;
    if (revision > newest) {
      throw new StoreError("future_revision", `cannot compact to revision ${revision}: the newest is ${newest}`);
    }
    if (revision <= compacted) return;
    file.transact(() => file.writeMeta("compacted", revision));
    this.#state.compacted = revision;
    this.#done = false;
  }

  /** When history outgrew its limits: twice what is kept, so that it happens rarely. */
  compactIfDue(): void {
    const { file, index, revision, compacted, rows, lastRow } = this.#state;
    const { historyRevisions, historyRows } = this.#settings;
    if (revision - compacted >= 2 * historyRevisions) this.compact(revision - historyRevisions);
    if (this.#done && rows - index.size >= 2 * historyRows) {
      const oldest = file.headsFrom(Math.max(1, lastRow - historyRows), 1)[0];
      if (oldest !== undefined) this.compact(oldest.revision);
    }
  }

  step(): void {
    const { file, compacted } = this.#state;
    const heads = file.headsFrom(this.#nextRow, STEP_ROWS);
    const old = heads.filter(({ revision }) => revision < compacted);
    let removed = 0;
    const nextRow = (old.at(-1)?.row ?? this.#nextRow - 1) + 1;
    if (old.length > 0) {
      file.transact(() => {
        for (const { row, previous, deleted } of old) {
          if (previous > 0) removed += file.remove(previous);
          if (deleted) removed += file.remove(row);
        }
        file.writeMeta("swept", nextRow);
      });
    }
    this.#state.rows -= removed;
    this.#nextRow = nextRow;
    this.#done = old.length < STEP_ROWS;
  }
}
