import { join } from "node:path/posix";
import { textOf } from "#base/env/bytes.ts";
import type { Disk } from "#base/env/disk.ts";
import { messageOf, succeed, type Result } from "#base/env/errors.ts";
import type { Task } from "#base/protocol/task.ts";
import type { VaultSession } from "./template-access.ts";

const OWNER_ONLY = { folder: 0o700, file: 0o600 };
const READABLE = 0o644;

export interface VaultPlace {
  readonly disk: Disk;
  readonly vault: NonNullable<Task["Vault"]>;
  readonly paths: { readonly taskDir: string; readonly secretsDir: string };
  /** The task runs already, with a token it got before. */
  readonly resumed: boolean;
  readonly signal: AbortSignal;
}

/**
 * Logs a task in and leaves its token where the task looks for it; the answer is what goes into its environment. A copy
 * beside the folders that the task sees lets a later agent go on with the same token.
 * https://developer.hashicorp.com/nomad/docs/job-specification/vault
 */
export async function loginToVault(
  session: VaultSession,
  { disk, vault, paths, resumed, signal }: VaultPlace,
): Promise<Result<Readonly<Record<string, string>>>> {
  const kept = join(paths.taskDir, "private", "vault_token");
  try {
    const before = resumed ? await disk.read(kept) : undefined;
    const token = await session.open(before === undefined ? "" : textOf(before), signal);
    if (!token.ok) return token;
    await disk.makeDir(join(paths.taskDir, "private"), { mode: OWNER_ONLY.folder, durable: false });
    await disk.replace(kept, token.value, { mode: OWNER_ONLY.file });
    if (!vault.DisableFile && before === undefined)
      await disk.confine(paths.taskDir).replace(join(paths.secretsDir, "vault_token"), token.value, { mode: READABLE });
    const namespace = vault.Namespace === "" ? {} : { VAULT_NAMESPACE: vault.Namespace };
    return succeed(vault.Env ? { VAULT_TOKEN: token.value, ...namespace } : {});
  } catch (thrown) {
    return { ok: false, error: { code: "vault", message: `the token of vault cannot be kept: ${messageOf(thrown)}` } };
  }
}
