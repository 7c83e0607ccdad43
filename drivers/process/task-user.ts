import { textOf } from "#base/env/bytes.ts";
import type { Env } from "#base/env/env.ts";
import { succeed } from "#base/env/errors.ts";
import type { Result } from "#base/env/errors.ts";
import type { StartFailure } from "../driver.ts";
import { idNumbers } from "./id-numbers.ts";

export interface TaskUser {
  /** What stands before a command that is to run as this user with its groups. */
  readonly prefix: readonly string[];
  readonly uid: number;
  readonly gid: number;
}

/** Undefined: the agent's own user. */
export async function taskUser(env: Env, user: string): Promise<Result<TaskUser | undefined, StartFailure>> {
  if (user === "" || user === "root") return succeed(undefined);
  const ids = await idsOf(env, user);
  if (ids === undefined) {
    const message = `there is no user ${JSON.stringify(user)} on this node`;
    const hint = "create it, or leave user out of the task";
    return { ok: false, error: { code: "NO_USER", message, hint, recoverable: false } };
  }
  const prefix = ["setpriv", `--reuid=${ids.uid}`, `--regid=${ids.gid}`, "--init-groups", "--"];
  return succeed({ prefix, ...ids });
}

/** From passwd(5), else from whatever directory the system asks. */
async function idsOf(env: Env, user: string): Promise<{ readonly uid: number; readonly gid: number } | undefined> {
  const passwd = await env.disk.read("/etc/passwd");
  for (const line of (passwd === undefined ? "" : textOf(passwd)).split("\n")) {
    const [name, , uid, gid] = line.split(":");
    if (uid !== undefined && gid !== undefined && (name === user || uid === user))
      return { uid: Number(uid), gid: Number(gid) };
  }
  const [uid, gid] = await Promise.all([idNumbers(env, "-u", user), idNumbers(env, "-g", user)]);
  const [[ownUid], [ownGid]] = [uid.ok ? uid.value : [], gid.ok ? gid.value : []];
  return ownUid === undefined || ownGid === undefined ? undefined : { uid: ownUid, gid: ownGid };
}
