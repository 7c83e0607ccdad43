import { GLOBAL, keyOf, partsOf, ROOT } from "#base/protocol/keys.ts";
import type { Op } from "./store.ts";

/**
 * Writes too large for one transaction that are to be seen at once. Each chunk is a transaction of new rows and one mark;
 * views keep those rows back until the last transaction deletes the marks. Marks that are left say of a crash: rows of
 * their revisions are nobody's, and are to be deleted before their marks.
 */
const MARKS = "staged-chunks";
const MARK_PREFIX = `${ROOT}${MARKS}/`;

/** Goes into the transaction of each chunk; all else in it has to be rows that were not there. */
export function stageOp(name: string, chunk: number): Op {
  return { op: "put", key: keyOf(MARKS, GLOBAL, `${name}/${chunk}`), value: "{}" };
}

/** Shows all chunks staged under the name. */
export function revealOp(name: string): Op {
  return { op: "deletePrefix", prefix: keyOf(MARKS, GLOBAL, `${name}/`) };
}

/** The name a mark stages under; undefined: no mark. */
export function stagedName(key: string): string | undefined {
  if (!key.startsWith(MARK_PREFIX)) return undefined;
  return partsOf(key)?.id.replace(/\/\d+$/, "");
}
