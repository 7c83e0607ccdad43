import { isAbsolute } from "node:path/posix";
import * as v from "valibot";
import { text } from "#base/protocol/schema.ts";
import { settings, whole, word } from "./setting-schemas.ts";

const DAY_MS = 86_400_000;

/** A `target "NAME" { … }` of `backup`. */
export const BackupTargetSchema = v.object({
  name: v.string(),
  /** On every server; it has to be there. */
  folder: text,
  /** Backups of this cluster that are kept. */
  retain: whole(30),
  s3: v.optional(
    v.object({
      /** `https://host[:port]`; empty: Amazon's of the region. */
      endpoint: text,
      bucket: text,
      prefix: text,
      region: word("us-east-1"),
      accessKeyId: text,
      secretAccessKey: text,
      /** Instead of the key itself. */
      secretKeyFile: text,
      /** PEM; empty: the system's authorities. */
      caFile: text,
    }),
  ),
});

/** Backups of the cluster's state. */
export const BackupConfigSchema = settings({
  /** 0: only by command. */
  intervalMs: whole(DAY_MS),
  targets: v.nullish(v.array(BackupTargetSchema), () => []),
});
export type BackupConfig = v.InferOutput<typeof BackupConfigSchema>;

const MIN_INTERVAL_MS = 60_000;

/** What is wrong with it: message and hint. */
export function checkBackup({ intervalMs, targets }: BackupConfig): readonly (readonly [string, string])[] {
  const found: [string, string][] = [];
  if (intervalMs !== 0 && intervalMs < MIN_INTERVAL_MS)
    found.push([
      `backup.interval of ${intervalMs} ms is less than a minute`,
      'write interval = "1h", or "0s" for none',
    ]);
  for (const { name, folder, retain, s3 } of targets) {
    const at = `backup.target ${JSON.stringify(name)}`;
    const say = (message: string, hint: string): void => void found.push([`${at}: ${message}`, hint]);
    if (!/^[\w.-]{1,64}$/.test(name)) say("no name for a target", "use letters, digits, . _ -");
    if (targets.filter((each) => each.name === name).length > 1) say("there are two of them", "give each its own name");
    if (retain < 1) say(`retain is ${retain}`, "keep one at least");
    if ((folder === "") === (s3 === undefined)) say("it takes a folder or s3 { … }", "give one of both");
    if (folder !== "" && !isAbsolute(folder))
      say(`folder ${JSON.stringify(folder)} is not absolute`, "begin it with /");
    if (s3 === undefined) continue;
    if (s3.bucket === "") say("s3: bucket is missing", "name the bucket");
    if (s3.endpoint !== "" && !/^https?:\/\/[^/]+/.test(s3.endpoint))
      say(`s3: endpoint ${JSON.stringify(s3.endpoint)} is no URL`, "write https://host");
    if (s3.accessKeyId === "" || (s3.secretAccessKey === "") === (s3.secretKeyFile === ""))
      say("s3: it takes access_key_id and either secret_access_key or secret_key_file", "give both parts of the key");
  }
  return found;
}
