import { SortedKeys } from "#base/state/sorted-keys.ts";
import { StoreError, type Change, type RevisionChange, type StoreRecord } from "#base/state/store.ts";
import { recordOf, type LogRow } from "./log-file.ts";
import type { LogState } from "./log-state.ts";
import type { Reply } from "./wire.ts";

/** Rows per page of history; a revision is never cut, so a page may be larger. */
const PAGE_ROWS = 2000;

export interface PageRequest {
  readonly prefix: string;
  readonly after: string | undefined;
  readonly limit: number;
  readonly revision: number | undefined;
}

export function readRange(state: LogState, request: PageRequest): Reply {
  const revision = request.revision ?? state.revision;
  if (revision > state.revision) throw futureError(revision, state.revision);
  if (revision < state.compacted) throw compactedError(revision, state.compacted);
  const rows = revision === state.revision ? newestRows(state, request) : pastRows(state, revision, request);
  const records: StoreRecord[] = [];
  for (const row of rows) {
    if (records.length === request.limit) return { kind: "range", records, revision: state.revision, more: true };
    records.push(recordAt(state, row));
  }
  return { kind: "range", records, revision: state.revision, more: false };
}

export function readHistory(state: LogState, prefix: string, from: number): Reply {
  if (from <= state.compacted) throw compactedError(from, state.compacted);
  const start = state.file.firstRowOf(from, state.lastRow);
  const rows = state.file.readFrom(start, PAGE_ROWS);
  // The last revision may go on beyond the page.
  for (let last = rows.at(-1); last !== undefined && last.row < state.lastRow; last = rows.at(-1)) {
    const next = state.file.read(last.row + 1);
    if (next?.revision !== last.revision) break;
    rows.push(next);
  }
  const last = rows.at(-1);
  const complete = last === undefined || last.row >= state.lastRow;
  return { kind: "history", changes: changesOf(state, rows, prefix), next: (last?.revision ?? 0) + 1, complete };
}

/** The record a row holds; the row must be there. */
export function recordAt(state: LogState, row: number): StoreRecord {
  const found = state.file.read(row);
  if (found?.value === undefined) throw state.file.corrupt(`row ${row} is missing`);
  return recordOf(found);
}

function* newestRows({ index }: LogState, { prefix, after }: PageRequest): Generator<number, void, void> {
  for (const key of index.under(prefix, after)) yield index.rowOf(key);
}

/** The state at a revision: the newest, less what was written since; each later row names the one it superseded. */
function* pastRows(state: LogState, revision: number, request: PageRequest): Generator<number, void, void> {
  const { prefix, after } = request;
  const past = new Map<string, number>();
  for (const { key, previous } of state.file.heads(state.file.firstRowOf(revision + 1, state.lastRow))) {
    if (key.startsWith(prefix) && !past.has(key)) past.set(key, previous);
  }
  const keys = new Set([...state.index.under(prefix, after), ...past.keys()]);
  for (const key of new SortedKeys(() => keys).under(prefix, after)) {
    const row = past.get(key) ?? state.index.rowOf(key);
    if (row > 0) yield row;
  }
}

function changesOf(state: LogState, rows: readonly LogRow[], prefix: string): RevisionChange[] {
  const revisions = new Map<number, Change[]>();
  for (const row of rows) {
    if (!row.key.startsWith(prefix)) continue;
    const changes = revisions.get(row.revision) ?? [];
    changes.push(changeOf(state, row));
    revisions.set(row.revision, changes);
  }
  return Array.from(revisions, ([revision, changes]) => ({ revision, changes }));
}

function changeOf({ file }: LogState, row: LogRow): Change {
  if (row.value !== undefined) return { kind: "put", record: recordOf(row) };
  const previous = file.read(row.previous);
  return { kind: "delete", key: row.key, previous: previous === undefined ? undefined : recordOf(previous) };
}

function compactedError(revision: number, compacted: number): StoreError {
  return new StoreError("compacted", `revision ${revision} was compacted away: the oldest kept is ${compacted}`);
}

function futureError(revision: number, newest: number): StoreError {
  return new StoreError("future_revision", `revision ${revision} is not there yet: the newest is ${newest}`);
}
