import { createWriteStream, existsSync, renameSync, rmSync } from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import * as v from "valibot";
import { CodedError, messageOf } from "#base/env/errors.ts";
import { flag, integer, list, text } from "#base/protocol/schema.ts";
import { errorOf, foundOf, valueOf } from "../api/answer.ts";
import { withNomad, type NomadSession } from "../api/session.ts";
import { UsageError } from "../command/command.ts";
import { bytes } from "../print/bytes.ts";
import { columns } from "../print/columns.ts";
import { show } from "../print/show.ts";

export const BACKUPS_PATH = "/v1/operator/backups";
/** A large state goes over a slow line. */
const RUN_MS = 3_600_000;

const TargetSchema = v.object({
  Target: text,
  Place: text,
  Retain: integer,
  Kept: integer,
  Name: text,
  Made: text,
  Bytes: integer,
  Tried: text,
  Server: text,
  Problem: text,
  Next: text,
});
const StatusSchema = v.object({ IntervalMs: integer, Encrypted: flag, Targets: list(TargetSchema) });
const FilesSchema = list(v.object({ Name: text, Bytes: integer, Cluster: text, Made: text, Revision: integer }));

/** How backups stand; exit code 1: one of them fails. */
export const status = withNomad(async (session) => {
  const found = foundOf(await session.nomad.call({ path: BACKUPS_PATH, schema: StatusSchema }));
  if (found === undefined) throw noTarget();
  const problems = found.Targets.filter(({ Problem }) => Problem !== "");
  const code = await show(session, found, () => [
    ...columns(
      ["Target", "Newest", "Size", "Kept", "Next", "Where"],
      found.Targets.map((row) => [
        row.Target,
        row.Made || "none",
        row.Made === "" ? "" : bytes(row.Bytes),
        `${row.Kept} of ${row.Retain}`,
        row.Next || "by command",
        row.Place,
      ]),
    ),
    ...(found.Encrypted ? [] : ["", "They are not encrypted: server { snapshot_key } is not set"]),
    ...problems.map(({ Target, Tried, Server, Problem }) => `\n${Target} fails (${Server}, ${Tried}): ${Problem}`),
  ]);
  return code === 0 && problems.length > 0 ? 1 : code;
});

/** `[TARGET]`: a backup now. */
export const run = withNomad(async ({ nomad, operands, output }) => {
  const [target = ""] = operands;
  const schema = list(TargetSchema);
  const body = { Target: target };
  const made = foundOf(await nomad.call({ method: "PUT", path: BACKUPS_PATH, body, schema, timeoutMs: RUN_MS }));
  if (made === undefined) throw noTarget();
  for (const row of made) output.line(`${row.Target}: ${row.Name} (${bytes(row.Bytes)})`);
  return 0;
});

/** `TARGET`: the backups there. */
export const listFiles = withNomad(async (session) => {
  const [target] = session.operands;
  if (target === undefined) throw new UsageError("name a target");
  const path = `${BACKUPS_PATH}/${encodeURIComponent(target)}`;
  const found = valueOf(await session.nomad.call({ path, schema: FilesSchema }));
  return show(session, found, () =>
    columns(
      ["Name", "Made", "Size", "Revision"],
      found.map((row) => [row.Name, row.Made, bytes(row.Bytes), String(row.Revision)]),
    ),
  );
});

/** `TARGET NAME [FILE]`: fetches a backup. */
export const get = withNomad(async (session) => {
  const [target, name, given] = session.operands;
  if (target === undefined || name === undefined) throw new UsageError("name a target, and a backup there or latest");
  const file = given ?? (name === "latest" ? "latest.snap" : name);
  if (existsSync(file)) throw new CodedError("exists", `${file} is there already`, "Name another file.");
  const part = `${file}.part`;
  const written = createWriteStream(part, { mode: 0o600 });
  try {
    await pipeline(Readable.from(await fetchBackup(session, target, name)), written);
  } catch (thrown) {
    rmSync(part, { force: true });
    if (thrown instanceof CodedError) throw thrown;
    throw new CodedError("backup", `the backup broke off: ${messageOf(thrown)}`, "Nothing was written.");
  }
  renameSync(part, file);
  session.output.line(`Backup written to ${file} (${bytes(written.bytesWritten)})`);
  return 0;
});

export async function fetchBackup(
  { nomad }: Pick<NomadSession, "nomad">,
  target: string,
  name: string,
): Promise<AsyncIterable<Uint8Array>> {
  const path = `${BACKUPS_PATH}/${encodeURIComponent(target)}/${encodeURIComponent(name)}`;
  const answer = await nomad.stream({ path });
  if (!answer.ok) throw errorOf(answer.error);
  return answer.value.body;
}

function noTarget(): CodedError {
  return new CodedError(
    "backup",
    "no target for backups is configured",
    'add backup { target "NAME" { folder = "…" } } to the configuration of the servers',
  );
}
