import type { Env } from "#base/env/env.ts";
import { succeed, type Result } from "#base/env/errors.ts";
import type { StartFailure } from "../driver.ts";
import { deniedProblem, type DeniedIds } from "../process/denied-ids.ts";
import { idNumbers } from "../process/id-numbers.ts";
import { taskUser } from "../process/task-user.ts";
import type { BundleUser } from "./bundle.ts";

/** Whom a task runs as that names nobody. */
const DEFAULT_USER = "nobody";
const ROOT: BundleUser = { uid: 0, gid: 0, additionalGids: [] };

/** By the machine's own users and groups, which the task's root shows, too. */
export async function containerUser(
  env: Env,
  { name, denied }: { readonly name: string; readonly denied: DeniedIds },
): Promise<Result<BundleUser, StartFailure>> {
  const wanted = name === "" ? DEFAULT_USER : name;
  const known = await taskUser(env, wanted);
  if (!known.ok) return known;
  const problem = await deniedProblem(env, wanted, denied);
  if (problem !== undefined) return { ok: false, error: problem };
  if (known.value === undefined) return succeed(ROOT);
  const { uid, gid } = known.value;
  const groups = await idNumbers(env, "-G", wanted);
  const additionalGids = groups.ok ? groups.value.filter((id) => id !== gid) : [];
  return succeed({ uid, gid, additionalGids });
}
