import { textOf } from "#base/env/bytes.ts";
import type { Env } from "#base/env/env.ts";
import { succeed } from "#base/env/errors.ts";
import type { Result } from "#base/env/errors.ts";
import type { StartFailure } from "../driver.ts";

/** What stands before a command that is to run as `user` with that user's groups; nothing for the agent's own user. */
export async function asUser(env: Env, user: string): Promise<Result<readonly string[], StartFailure>> {
  if (user === "" || user === "root") return succeed([]);
  const group = await mainGroupOf(env, user);
  if (group === undefined) {
    const message = `there is no user ${JSON.stringify(user)} on this node`;
    return {
      ok: false,
      error: { code: "NO_USER", message, hint: "create it, or leave user out of the task", recoverable: false },
    };
  }
  return succeed(["setpriv", `--reuid=${user}`, `--regid=${group}`, "--init-groups", "--"]);
}

/** From passwd(5), else from whatever directory the system asks. */
async function mainGroupOf(env: Env, user: string): Promise<string | undefined> {
  const passwd = await env.disk.read("/etc/passwd");
  for (const line of (passwd === undefined ? "" : textOf(passwd)).split("\n")) {
    const [name, , uid, gid] = line.split(":");
    if (gid !== undefined && (name === user || uid === user)) return gid;
  }
  const asked = await env.exec.run(["id", "-g", user]);
  return asked.code === 0 ? asked.stdout.trim() : undefined;
}
