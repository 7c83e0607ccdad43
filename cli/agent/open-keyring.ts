import { makeRsaKey } from "#base/platform/rsa-key.ts";
import { Keyring } from "#daemons/scheduler/server/keyring/keyring.ts";
import type { Composition } from "./composition.ts";
import type { Lifecycle } from "./lifecycle.ts";
import { keyringSettings } from "./security-settings.ts";

/** What opens the secrets in the state, until the lifecycle ends. */
export async function openKeyring(
  { config, env, folder, state }: Pick<Composition, "config" | "env" | "folder" | "state">,
  lifecycle: Lifecycle,
): Promise<Keyring> {
  const { store, view } = state;
  const keyring = new Keyring({ env, store, view, folder: folder.keyring, makeRsaKey, ...keyringSettings(config) });
  await keyring.start();
  lifecycle.add("the keyring", () => keyring.stop());
  return keyring;
}
