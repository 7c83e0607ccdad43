import { CodedError } from "#base/env/errors.ts";
import type { SystemEnv } from "#base/platform/create-env.ts";
import { selfCommand } from "#base/platform/embedded/self.ts";

/** Runs this program as anybody would; resolves with what it prints. Rejects with a `CodedError` `lab` where it fails. */
export async function runLares(env: SystemEnv, words: readonly string[]): Promise<string> {
  const ran = await env.exec.run([...selfCommand(), ...words]);
  if (ran.code === 0) return ran.stdout;
  throw new CodedError("lab", `lares ${words[0] ?? ""}: ${ran.stderr.trim()}`);
}
