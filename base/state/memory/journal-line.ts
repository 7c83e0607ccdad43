import * as v from "valibot";
import type { StoreRecord } from "../store.ts";

/** First line of a journal: the state it starts from. */
export interface JournalHeader {
  readonly revision: number;
  readonly records: readonly StoreRecord[];
}

/** Every other line holds some of these. A change without a value is a delete. */
export interface JournalRevision {
  readonly revision: number;
  readonly changes: readonly JournalChange[];
}

export interface JournalChange {
  readonly key: string;
  readonly value: string | undefined;
  readonly createRevision: number;
  readonly version: number;
}

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

const HeaderSchema = v.object({
  format: v.literal(1),
  revision: count,
  records: v.array(v.strictTuple([v.string(), v.string(), count, count, count])),
});

const GroupSchema = v.array(
  v.strictTuple([
    count,
    v.array(v.union([v.strictTuple([v.string()]), v.strictTuple([v.string(), v.string(), count, count])])),
  ]),
);

/** Undefined: not such a line. */
export function parseHeader(content: unknown): JournalHeader | undefined {
  const read = v.safeParse(HeaderSchema, content);
  if (!read.success) return undefined;
  const records = read.output.records.map(([key, value, createRevision, modRevision, version]) => ({
    key,
    value,
    createRevision,
    modRevision,
    version,
  }));
  return { revision: read.output.revision, records };
}

/** Undefined: not such a line. */
export function parseGroup(content: unknown): readonly JournalRevision[] | undefined {
  const read = v.safeParse(GroupSchema, content);
  if (!read.success) return undefined;
  return read.output.map(([revision, changes]) => ({
    revision,
    changes: changes.map(([key, value, createRevision = 0, version = 0]) => ({ key, value, createRevision, version })),
  }));
}
