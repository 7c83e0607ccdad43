import * as v from "valibot";
import { fail, messageOf, succeed, type Result } from "#base/env/errors.ts";
import { keyOf } from "#base/protocol/keys.ts";
import type { Compare, Op, StoreRecord, Written } from "./store.ts";
import type { Row, Table } from "./table.ts";

/** What is stored: the value and the version of its shape. */
interface Envelope {
  readonly schema: number;
  readonly value: unknown;
}

/** `{"schema":<version>,"value":<the value as JSON>}`. */
export function encodeRow<T>(table: Table<T>, value: T): string {
  return `${headOf(table)}${JSON.stringify(value)}}`;
}

/** The value of a record: as it was written where that was here and now, else as its text says. */
export function readRow<T>(table: Table<T>, { value, written }: StoreRecord): Result<T> {
  return written !== undefined && isOf(written, table) ? succeed(written.value) : decodeRow(table, value);
}

/** What a stored row begins with that is in this shape of the table. */
export function headOf<T>({ schemaVersion }: Table<T>, version = schemaVersion): string {
  return `{"schema":${version},"value":`;
}

/**
 * The value of a stored row. One written by the same schema version is taken as it is, because only {@link encodeRow}
 * writes here; one of the version before or after goes through the table's lenient schema, which fills in what it does
 * not have. Fails with `not_json`, `newer_schema` (more than one version ahead) or `bad_value`.
 */
export function decodeRow<T>(table: Table<T>, text: string): Result<T> {
  let parsed: unknown;
  try {
    parsed = parse(text, table);
  } catch (thrown) {
    return fail("not_json", `cannot read a value of table ${table.name}: ${messageOf(thrown)}`);
  }
  if (!isEnvelope(parsed)) {
    return fail("bad_value", `cannot read a value of table ${table.name}: expected {"schema": …, "value": …}`);
  }
  if (isCurrent(parsed, table)) return succeed(parsed.value);
  if (parsed.schema > table.schemaVersion + 1) {
    return fail(
      "newer_schema",
      `table ${table.name} holds schema ${parsed.schema}, this program knows ${table.schemaVersion}`,
      "run the version of lares that wrote it, or the one before",
    );
  }
  const up = parsed.schema === table.schemaVersion - 1 ? table.before?.up : undefined;
  const read = v.safeParse(table.schema, up === undefined ? parsed.value : up(parsed.value));
  if (read.success) return succeed(read.output);
  const issue = read.issues[0];
  const where = v.getDotPath(issue) ?? "value";
  return fail("bad_value", `table ${table.name}, schema ${parsed.schema}, ${where}: ${issue.message}`);
}

/** What this version wrote needs no envelope parsed around it. */
function parse<T>(text: string, table: Table<T>): unknown {
  const head = headOf(table);
  if (!text.startsWith(head) || !text.endsWith("}")) return JSON.parse(text);
  const value: unknown = JSON.parse(text.slice(head.length, -1));
  return { schema: table.schemaVersion, value };
}

function isEnvelope(value: unknown): value is Envelope {
  return (
    typeof value === "object" &&
    value !== null &&
    "schema" in value &&
    "value" in value &&
    Number.isSafeInteger(value.schema)
  );
}

/** Same version, same shape: the writer's types are the proof, so that a million rows load without a million parses. */
function isCurrent<T>(envelope: Envelope, table: Table<T>): envelope is { schema: number; value: T } {
  return envelope.schema === table.schemaVersion;
}

/** Only {@link put} makes them, from a table and a value of it. */
function isOf<T>(written: Written, table: Table<T>): written is { table: Table<T>; value: T } {
  return written.table === table;
}

/** Writes a row. Where the table hands values over, `value` must not be changed any more. */
export function put<T>(table: Table<T>, at: { readonly namespace: string; readonly id: string }, value: T): Op {
  const op = { op: "put", key: keyOf(table.name, at.namespace, at.id), value: encodeRow(table, value) } as const;
  return table.handedOver === true ? { ...op, written: { table, value } } : op;
}

export function remove<T>(table: Table<T>, namespace: string, id: string): Op {
  return { op: "delete", key: keyOf(table.name, namespace, id) };
}

/** Holds while nobody wrote or deleted the row since it was read. */
export function unchanged<T>(table: Table<T>, row: Row<T>): Compare {
  return { key: keyOf(table.name, row.namespace, row.id), target: "mod", op: "=", operand: row.modifyIndex };
}

/** Holds while there is no such row. */
export function absent<T>(table: Table<T>, namespace: string, id: string): Compare {
  return { key: keyOf(table.name, namespace, id), target: "version", op: "=", operand: 0 };
}

/** Holds while there is such a row, whoever wrote it last. */
export function present<T>(table: Table<T>, namespace: string, id: string): Compare {
  return { key: keyOf(table.name, namespace, id), target: "version", op: ">", operand: 0 };
}
