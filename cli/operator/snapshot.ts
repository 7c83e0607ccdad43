import { createReadStream, createWriteStream, existsSync, renameSync, rmSync } from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import * as v from "valibot";
import { CodedError, messageOf } from "#base/env/errors.ts";
import { errorOf, valueOf } from "../api/answer.ts";
import { withNomad } from "../api/session.ts";
import { UsageError } from "../command/command.ts";
import { fetchBackup } from "./backups.ts";
import { bytes } from "../print/bytes.ts";

/** All of a large state is written before the answer comes. */
const RESTORE_MS = 600_000;
const PATH = "/v1/operator/snapshot";

/** `[FILE]`: everything the cluster knows, as one file. It appears whole or not at all. */
export const save = withNomad(async ({ nomad, operands, output, env, flags }) => {
  const [given] = operands;
  const day = new Date(env.clock.nowMs()).toISOString().replace(/[-:]/g, "").slice(0, 15);
  const file = given ?? `backup-${day}.snap`;
  if (existsSync(file)) throw new CodedError("exists", `${file} is there already`, "Name another file.");
  const answer = await nomad.stream({ path: PATH, query: { stale: flags.on("stale"), redact: flags.on("redact") } });
  if (!answer.ok) throw errorOf(answer.error);
  const part = `${file}.part`;
  const target = createWriteStream(part, { mode: 0o600 });
  try {
    await pipeline(Readable.from(answer.value.body), target);
  } catch (error) {
    rmSync(part, { force: true });
    throw new CodedError("snapshot", `the snapshot broke off: ${messageOf(error)}`, "Nothing was written.");
  }
  renameSync(part, file);
  output.line(`State file written to ${file} (${bytes(target.bytesWritten)})`);
  return 0;
});

/** Replaces what the cluster knows by a snapshot: a file, or with `-from` a backup at that target. */
export const restore = withNomad(async (session) => {
  const { nomad, operands, output, flags } = session;
  const [file] = operands;
  const from = flags.value("from");
  if (file === undefined) throw new UsageError("name a snapshot");
  const chunks: Uint8Array[] = [];
  const source = from === undefined ? createReadStream(file) : await fetchBackup(session, from, file);
  try {
    for await (const chunk of source) if (chunk instanceof Uint8Array) chunks.push(chunk);
  } catch (error) {
    throw new CodedError("unreadable", `cannot read ${file}: ${messageOf(error)}`);
  }
  const body = Buffer.concat(chunks);
  const query = flags.on("force") ? { force: true } : {};
  valueOf(await nomad.call({ method: "PUT", path: PATH, query, body, schema: v.unknown(), timeoutMs: RESTORE_MS }));
  output.line("Snapshot Restored");
  return 0;
});
