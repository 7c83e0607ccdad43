import type { Backup } from "#base/protocol/backup.ts";

/** After a failure it is tried again this much later, or at the interval where that is shorter. */
const RETRY_MS = 300_000;

export interface DueOptions {
  /** 0: only by command. */
  readonly intervalMs: number;
  readonly nowMs: number;
}

/** When the next backup to a target is due, milliseconds since the epoch; undefined: never. */
export function dueMs(row: Backup | undefined, { intervalMs, nowMs }: DueOptions): number | undefined {
  if (intervalMs <= 0) return undefined;
  if (row === undefined || row.TriedAt === 0) return nowMs;
  const pause = row.Problem === "" ? intervalMs : Math.min(intervalMs, RETRY_MS);
  // A clock that was set back must not put it off.
  return Math.min(row.TriedAt, nowMs) + pause;
}
