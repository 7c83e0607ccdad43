import type { QueryRecord } from "../query-record.ts";

/** Ids rise with time: so many per millisecond, which leaves room until the year 2255 below 2^53. */
export const IDS_PER_MS = 1024;

/** A record that is kept. */
export interface LoggedQuery extends Readonly<QueryRecord> {
  /** Unique, rising; its millisecond is `id / IDS_PER_MS`. */
  readonly id: number;
}

/** Of queries at a moment, the least. */
export function firstIdAt(timeMs: number): number {
  return Math.max(0, Math.floor(timeMs)) * IDS_PER_MS;
}
