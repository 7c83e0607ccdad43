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
    if (head.revision > compacted) checkFollows(state, head);
    if (head.deleted) {
      state.index.delete(head.key);
    } else {
      const { row, createRevision, revision: modRevision, version } = head;
      state.index.set(head.key, { row, createRevision, modRevision, version });
    }
    state.revision = Math.max(state.revision, head.revision);
    state.lastRow = head.row;
    state.rows += 1;
  }
  return state;
}

/** Above the compacted revision nothing may be missing: neither revisions, nor rows, nor what a row supersedes. */
function checkFollows({ file, index, revision, lastRow, compacted }: LogState, head: LogHead): void {
  const gap = head.revision !== revision && head.revision !== revision + 1;
  const hole = lastRow > 0 && head.row !== lastRow + 1 && head.revision > compacted + 1;
  if (gap || hole) {
    throw file.corrupt(`row ${head.row} of revision ${head.revision} follows row ${lastRow} of revision ${revision}`);
  }
  if (head.previous !== index.rowOf(head.key)) {
    throw file.corrupt(
      `row ${head.row} (${head.key}) supersedes row ${head.previous}, which is not the newest before it`,
    );
  }
}
