import { createHash } from "node:crypto";
import { textOf } from "#base/env/bytes.ts";
import type { Env } from "#base/env/env.ts";

/** Users no package and no person owns: systemd's range for dynamic users (https://systemd.io/UIDS-GIDS/). */
const FIRST_UID = 61_184;
const UIDS = 4336;

/** The user of one task: the same after a restart, and hardly ever another task's. */
export function taskUid(allocId: string, taskName: string): number {
  const hash = createHash("sha256").update(`${allocId}/${taskName}`).digest();
  return FIRST_UID + (hash.readUInt32BE(0) % UIDS);
}

/** Whether this program may change users at all. */
export async function isRoot(env: Env): Promise<boolean> {
  const status = await env.disk.read("/proc/self/status");
  return /^Uid:\t\d+\t0\t/m.test(status === undefined ? "" : textOf(status));
}

/** Whether that user could read the program and work in the folder: a clone below /root, say, is closed to it. */
export async function canWork(
  env: Env,
  uid: number,
  places: { readonly program: string; readonly folder: string },
): Promise<boolean> {
  const test = 'test -r "$1" && test -w "$2"';
  const user = ["setpriv", `--reuid=${uid}`, `--regid=${uid}`, "--clear-groups", "--"];
  const result = await env.exec.run([...user, "/bin/sh", "-c", test, "sh", places.program, places.folder]);
  return result.code === 0;
}
