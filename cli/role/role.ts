import type { Env } from "#base/env/env.ts";
import { fail, type Result } from "#base/env/errors.ts";
import { nearest } from "#base/language/nearest.ts";

/** What a `driver = "lares"` task does for its life. */
export interface Role {
  stop(): Promise<void>;
}

type StartRole = (env: Env, task: Readonly<Record<string, string>>) => Promise<Result<Role>>;

/** Loaded only when asked for: a role is a process of its own and should carry only what it needs. */
const ROLES: Readonly<Record<string, () => Promise<StartRole>>> = {
  ingress: async () => (await import("./ingress.ts")).ingressRole,
};

export const ROLE_NAMES = Object.keys(ROLES);

/** Starts the role, or says why it cannot. `task` is the task's environment. */
export async function startRole(name: string, env: Env, task: Readonly<Record<string, string>>): Promise<Result<Role>> {
  const load = ROLES[name];
  if (load === undefined)
    return fail(
      "unknown_role",
      `there is no role "${name}"`,
      `did you mean "${nearest(name, ROLE_NAMES) ?? "ingress"}"?`,
    );
  return (await load())(env, task);
}
