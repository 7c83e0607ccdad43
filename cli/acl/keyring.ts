import * as v from "valibot";
import { segment } from "#base/client/api-caller.ts";
import { parseDuration } from "#base/language/duration.ts";
import { integer, text } from "#base/protocol/schema.ts";
import { withNomad, type NomadSession } from "../api/session.ts";
import { UsageError } from "../command/command.ts";
import { columns } from "../print/columns.ts";
import { show } from "../print/show.ts";
import { erase, NOTHING, operandOf, read, write } from "./calls.ts";

const KeySchema = v.object({ KeyID: text, State: text, CreateTime: integer, PublishTime: integer });
type Key = v.InferOutput<typeof KeySchema>;

/** https://developer.hashicorp.com/nomad/api-docs/operator/keyring */
export const list = withNomad(async (session) => {
  const keys = await read(session, "/v1/operator/keyring/keys", v.array(KeySchema));
  return show(session, keys, () => keyLines(session, keys));
});

export const rotate = withNomad(async (session) => {
  const { flags } = session;
  const prepublish = flags.value("prepublish");
  const given = [flags.on("now"), prepublish !== undefined, flags.on("full")].filter(Boolean).length;
  if (given === 0) throw new UsageError("give -now, -prepublish DURATION or -full");
  if (prepublish !== undefined && given > 1) throw new UsageError("-prepublish stands alone");
  const query = {
    full: flags.on("full") ? "true" : undefined,
    publish_time: prepublish === undefined ? undefined : publishAt(prepublish),
  };
  const path = "/v1/operator/keyring/rotate";
  const { Key } = await write(session, { path, query, schema: v.object({ Key: KeySchema }) });
  return show(session, Key, () => keyLines(session, [Key]));
});

export const remove = withNomad(async (session) => {
  const id = operandOf(session, "key id");
  const force = session.flags.on("force") ? "true" : undefined;
  await erase(session, `/v1/operator/keyring/key/${segment(id)}`, { force });
  session.output.line(`Removed encryption key ${id}`);
  return 0;
});

function publishAt(duration: string): string {
  const ns = parseDuration(duration);
  if (ns === undefined || ns <= 0) throw new UsageError(`-prepublish ${JSON.stringify(duration)} is no duration`);
  return String(Math.round(Date.now() * 1e6 + ns));
}

function keyLines({ flags }: NomadSession, keys: readonly Key[]): string[] {
  const time = (ns: number): string => (ns === 0 ? NOTHING : new Date(ns / 1e6).toISOString().replace(/\.\d+/, ""));
  const rows = keys.map(({ KeyID, State, CreateTime, PublishTime }) => [
    flags.on("verbose") ? KeyID : KeyID.slice(0, 8),
    State,
    time(CreateTime),
    time(PublishTime),
  ]);
  return columns(["Key", "State", "Create Time", "Publish Time"], rows);
}
