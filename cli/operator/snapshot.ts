import { createReadStream, createWriteStream, existsSync, renameSync, rmSync } from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import * as v from "valibot";
import type { ApiFailure } from "#base/client/api-failure.ts";
import { CodedError, messageOf, type Result } from "#base/env/errors.ts";
import type { HttpResponse } from "#base/env/http-client.ts";
import { errorOf, valueOf } from "../api/answer.ts";
import { withConsul, withNomad, type NomadSession } from "../api/session.ts";
import { UsageError, type RunCommand } from "../command/command.ts";
import { fetchBackup } from "./backups.ts";
import { bytes } from "../print/bytes.ts";

/** All of a large state is written before the answer comes. */
const RESTORE_MS = 600_000;
const PATH = "/v1/operator/snapshot";
/** The same by discovery's API. */
const CONSUL_PATH = "/v1/snapshot";

/** `[FILE]`: everything the cluster knows, as one file. It appears whole or not at all. */
export const save: RunCommand = (invocation) => {
  const stale = invocation.flags.on("stale");
  if (invocation.flags.on("consul"))
    return withConsul(async (session) =>
      saved(session, await session.consul.stream({ path: CONSUL_PATH, query: { stale } })),
    )(invocation);
  const query = { stale, redact: invocation.flags.on("redact") };
  return withNomad(async (session) => saved(session, await session.nomad.stream({ path: PATH, query })))(invocation);
};

async function saved(
  { operands, output, env }: Pick<NomadSession, "operands" | "output" | "env">,
  answer: Result<HttpResponse, ApiFailure>,
): Promise<number> {
  const [given] = operands;
  const day = new Date(env.clock.nowMs()).toISOString().replace(/[-:]/g, "").slice(0, 15);
  const file = given ?? `backup-${day}.snap`;
  if (existsSync(file)) throw new CodedError("exists", `${file} is there already`, "Name another file.");
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
}

/** Replaces what the cluster knows by a snapshot: a file, or with `-from` a backup at that target. */
export const restore: RunCommand = (invocation) => {
  const { flags, output, operands } = invocation;
  const [file] = operands;
  const from = flags.value("from");
  if (file === undefined) throw new UsageError("name a snapshot");
  const call = { method: "PUT", schema: v.unknown(), timeoutMs: RESTORE_MS } as const;
  if (flags.on("consul")) {
    if (from !== undefined || flags.on("force")) throw new UsageError("-consul goes with neither -from nor -force");
    return withConsul(async ({ consul }) => {
      const body = await whole(file, createReadStream(file));
      valueOf(await consul.call({ ...call, path: CONSUL_PATH, body }));
      output.line("Snapshot Restored");
      return 0;
    })(invocation);
  }
  return withNomad(async (session) => {
    const body = await whole(
      file,
      from === undefined ? createReadStream(file) : await fetchBackup(session, from, file),
    );
    const query = flags.on("force") ? { force: true } : {};
    valueOf(await session.nomad.call({ ...call, path: PATH, query, body }));
    output.line("Snapshot Restored");
    return 0;
  })(invocation);
};

async function whole(file: string, source: AsyncIterable<unknown>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  try {
    for await (const chunk of source) if (chunk instanceof Uint8Array) chunks.push(chunk);
  } catch (error) {
    throw new CodedError("unreadable", `cannot read ${file}: ${messageOf(error)}`);
  }
  return Buffer.concat(chunks);
}
