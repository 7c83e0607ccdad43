import { CodedError } from "#base/env/errors.ts";
import { textOf } from "#base/env/bytes.ts";
import type { Env } from "#base/env/env.ts";
import { KEY_BYTES } from "./aead.ts";

const OWNER_ONLY_FOLDER = 0o700;
const OWNER_ONLY = 0o600;
const OTHERS = 0o077;

/**
 * The key that wraps all root keys. It lives in a file beside the state and never in it, so that a copy of the state
 * alone opens nothing. Made when `mayMake`; otherwise its absence is an error: what it wrapped could not be read.
 */
export async function loadWrappingKey(
  env: Pick<Env, "disk" | "random" | "log">,
  folder: string,
  mayMake: boolean,
): Promise<Uint8Array> {
  const path = wrappingKeyPath(folder);
  const found = await env.disk.read(path);
  if (found !== undefined) {
    const key = Buffer.from(textOf(found).trim(), "base64");
    if (key.length !== KEY_BYTES) {
      throw new CodedError("keyring", `${path} holds no key of ${KEY_BYTES} bytes`, "restore it from a backup");
    }
    const mode = (await env.disk.stat(path))?.mode ?? 0;
    if ((mode & OTHERS) !== 0) {
      env.log.warn("other users could read the keyring's file; it is closed now", { path });
      await env.disk.setMode(path, OWNER_ONLY);
    }
    return key;
  }
  if (!mayMake) {
    throw new CodedError(
      "keyring",
      `${path} is missing, but the state holds keys that only it can open`,
      "restore the file from a backup, or from another server",
    );
  }
  const key = env.random.bytes(KEY_BYTES);
  await env.disk.makeDir(folder, { mode: OWNER_ONLY_FOLDER });
  await env.disk.replace(path, `${Buffer.from(key).toString("base64")}\n`, { mode: OWNER_ONLY });
  return key;
}

export function wrappingKeyPath(folder: string): string {
  return `${folder}/root.key`;
}
