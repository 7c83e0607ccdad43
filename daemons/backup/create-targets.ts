import { textOf } from "#base/env/bytes.ts";
import type { Env } from "#base/env/env.ts";
import { CodedError } from "#base/env/errors.ts";
import type { BackupConfig } from "#base/language/agent-config/backup-config.ts";
import { folderTarget } from "./folder-target.ts";
import { s3Target } from "./s3/s3-target.ts";
import type { BackupTarget } from "./target.ts";

/** The targets of a configuration. Rejects with a `CodedError` where a file it names cannot be read. */
export function createTargets(
  env: Pick<Env, "clock" | "http" | "disk">,
  { targets }: BackupConfig,
): Promise<BackupTarget[]> {
  return Promise.all(
    targets.map(async ({ name, folder, retain, s3 }) => {
      if (s3 === undefined) return folderTarget({ disk: env.disk, name, folder, retain });
      const { endpoint, bucket, prefix, region, accessKeyId, secretKeyFile, caFile } = s3;
      const secretAccessKey = secretKeyFile === "" ? s3.secretAccessKey : (await contentOf(env, secretKeyFile)).trim();
      const ca = caFile === "" ? undefined : await contentOf(env, caFile);
      return s3Target({ env, name, retain, endpoint, bucket, prefix, region, accessKeyId, secretAccessKey, ca });
    }),
  );
}

async function contentOf({ disk }: Pick<Env, "disk">, path: string): Promise<string> {
  const found = await disk.read(path);
  if (found !== undefined) return textOf(found);
  throw new CodedError("backup_config", `the configuration of backups names ${path}, which is not there`);
}
