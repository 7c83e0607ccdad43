import { KeyIndex } from "./key-index.ts";
import type { LogFile, LogHead } from "./log-file.ts";

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

/** Reads the whole log but its values. Throws `corrupt` where the rows kept for history do not follow each other. */
export function loadLog(file: LogFile): LogState {
  const compacted = file.readMeta("compacted") ?? 0;
  const state: LogState = { file, index: new KeyIndex(), revision: compacted, lastRow: 0, rows: 0, compacted };
  for (const head of file.heads(1)) {
    const { row, key, deleted, revision, createRevision, version, previous } = head;
    const at = { row, createRevision, modRevision: revision, version };
    // A row that supersedes none made its key: no need to look for it.
    const found = previous === 0 ? undefined : state.index.find(key);
    if (revision > compacted) checkFollows(state, head, found?.row ?? 0);
    if (deleted) state.index.delete(key);
    else if (found !== undefined) state.index.update(found.slot, at);
    else if (!state.index.insert(key, at)) throw file.corrupt(`row ${row} makes ${key}, which is there`);
    state.revision = Math.max(state.revision, revision);
    state.lastRow = row;
    state.rows += 1;
  }
  return state;
}

/** Above the compacted revision nothing may be missing: neither revisions, nor rows, nor what a row supersedes. */
function checkFollows({ file, revision, lastRow, compacted }: LogState, head: LogHead, superseded: number): void {
  const gap = head.revision !== revision && head.revision !== revision + 1;
  const hole = lastRow > 0 && head.row !== lastRow + 1 && head.revision > compacted + 1;
  if (gap || hole) {
    throw file.corrupt(`row ${head.row} of revision ${head.revision} follows row ${lastRow} of revision ${revision}`);
  }
  if (head.previous !== superseded) {
    throw file.corrupt(
      `row ${head.row} (${head.key}) supersedes row ${head.previous}, which is not the newest before it`,
    );
  }
}
