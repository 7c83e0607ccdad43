import { readFileSync } from "node:fs";
import { CodedError, messageOf } from "#base/env/errors.ts";
import { partsOf } from "#base/protocol/keys.ts";
import { readSnapshot, type Snapshot } from "#base/state/snapshot/read-snapshot.ts";
import { UsageError, type Invocation } from "../command/command.ts";
import { bytes } from "../print/bytes.ts";
import { columns, properties } from "../print/columns.ts";
import { printJson } from "../print/json.ts";
import { printed, show } from "../print/show.ts";
import { redacted } from "./redact.ts";

/** What a snapshot holds, by table; no agent is asked. */
export async function inspect(invocation: Invocation): Promise<number> {
  const { header, records } = open(invocation);
  const tables = new Map<string, { Count: number; Bytes: number }>();
  for (const [key, value] of records) {
    const name = partsOf(key)?.table ?? key;
    const sum = tables.get(name) ?? { Count: 0, Bytes: 0 };
    tables.set(name, { Count: sum.Count + 1, Bytes: sum.Bytes + Buffer.byteLength(value) });
  }
  const rows = [...tables].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([Table, sum]) => ({ Table, ...sum }));
  const facts = {
    Revision: header.revision,
    Created: new Date(header.createdMs).toISOString(),
    Encrypted: header.encryption !== null,
    Records: records.size,
  };
  return show(invocation, { ...facts, Tables: rows }, () => [
    ...properties(Object.entries(facts).map(([name, value]) => [name, String(value)])),
    "",
    ...columns(
      ["Table", "Count", "Size"],
      rows.map((row) => [row.Table, String(row.Count), bytes(row.Bytes)]),
    ),
  ]);
}

/** Everything a snapshot holds, as JSON by table, namespace and id, without secrets; no agent is asked. */
export async function state(invocation: Invocation): Promise<number> {
  const tables: Record<string, Record<string, unknown>> = {};
  for (const [key, value] of open(invocation).records) {
    const { table, namespace, id } = partsOf(key) ?? { table: "other", namespace: "", id: key };
    const row = (tables[table] ??= {});
    row[`${namespace}/${id}`] = SECRET_TABLES.includes(table) ? "<redacted>" : redacted(parsed(value));
  }
  if (!(await printed(invocation, tables))) printJson(invocation.output, tables);
  return 0;
}

const SECRET_TABLES: readonly string[] = ["root-keys", "variables", "acl-tokens", "acl-one-time-tokens", "kv"];

function parsed(value: string): unknown {
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}

function open({ operands, flags, environment }: Invocation): Snapshot {
  const [file] = operands;
  if (file === undefined) throw new UsageError("name a snapshot");
  const keyFile = flags.value("key-file");
  const key = keyFile === undefined ? (environment["LARES_SNAPSHOT_KEY"] ?? "") : contentOf(keyFile).toString().trim();
  const read = readSnapshot(contentOf(file), key);
  if (read.ok) return read.value;
  const isLocked = read.error.code === "encrypted" || read.error.code === "wrong_key";
  const hint = isLocked ? "give what it was made with: -key-file=FILE or LARES_SNAPSHOT_KEY" : read.error.hint;
  throw new CodedError(read.error.code, `${file}: ${read.error.message}`, hint);
}

function contentOf(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new CodedError("unreadable", `cannot read ${file}: ${messageOf(error)}`);
  }
}
