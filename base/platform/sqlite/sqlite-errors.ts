import { messageOf } from "#base/env/errors.ts";
import { StoreError, type StoreErrorCode } from "#base/state/store.ts";

/** Primary result codes: https://sqlite.org/rescode.html */
const CODES: ReadonlyMap<number, StoreErrorCode> = new Map([
  [5, "busy"],
  [6, "busy"],
  [11, "corrupt"],
  [13, "full"],
  [26, "corrupt"],
]);

const SQL_ERROR = 1;

/** What to do, per code. */
const HINTS: Partial<Record<StoreErrorCode, string>> = {
  full: "free some space; nothing that was acknowledged is lost",
  corrupt: "move the folder away and restore a snapshot",
  io: "check the disk (dmesg) and the folder's permissions",
};

/** The store's words for whatever SQLite or the file system threw. */
export function toStoreError(thrown: unknown, action: string): StoreError {
  if (thrown instanceof StoreError) return thrown;
  return errorOf(codeOf(thrown), thrown, action);
}

/** The same while a file is opened: our own statements do not fit only a schema that is damaged. */
export function toOpenError(thrown: unknown, path: string): StoreError {
  const isMisfit = thrown instanceof Error && "errcode" in thrown && thrown.errcode === SQL_ERROR;
  return isMisfit ? errorOf("corrupt", thrown, `open ${path}`) : toStoreError(thrown, `open ${path}`);
}

function errorOf(code: StoreErrorCode, thrown: unknown, action: string): StoreError {
  const hint = HINTS[code];
  return new StoreError(code, `cannot ${action}: ${messageOf(thrown)}${hint === undefined ? "" : `; ${hint}`}`);
}

function codeOf(thrown: unknown): StoreErrorCode {
  if (!(thrown instanceof Error)) return "io";
  if ("errcode" in thrown && typeof thrown.errcode === "number") return CODES.get(thrown.errcode & 0xff) ?? "io";
  if ("code" in thrown && (thrown.code === "ENOSPC" || thrown.code === "EDQUOT")) return "full";
  return "io";
}
