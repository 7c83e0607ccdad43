import type { Result } from "#base/env/errors.ts";
import { GLOBAL, keyOf, ROOT } from "#base/protocol/keys.ts";
import { rootKeys } from "../tables.ts";

/** In encrypted snapshots: what servers keep beside the state, so that the snapshot alone brings a cluster back. */
export const CARRIED_KEY = keyOf("carried", GLOBAL, "secrets");

/** What the secrets in the state are sealed with, as far as snapshots are concerned. */
export interface SealedKeys {
  /** What the servers keep beside the state, as text. */
  carried(): Promise<string>;
  /**
   * The record of a root key as the servers of this cluster can open it; `carried` is what the snapshot brought along.
   * Fails with `sealed` where nobody here can.
   */
  adopt(value: string, carried: string | undefined): Result<string>;
}

export function isRootKey(key: string): boolean {
  return key.startsWith(`${ROOT}${rootKeys.name}/`);
}
