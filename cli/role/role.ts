import { fail, type Result } from "#base/env/errors.ts";
import type { SystemEnv } from "#base/platform/create-env.ts";
import { nearest } from "#base/language/nearest.ts";

/** What a `driver = "lares"` task does for its life. */
export interface Role {
  stop(): Promise<void>;
}

type StartRole = (env: SystemEnv, task: Readonly<Record<string, string>>) => Promise<Result<Role>>;

/** Loaded only when asked for: a role is a process of its own and should carry only what it needs. */
const ROLES: Readonly<Record<string, () => Promise<StartRole>>> = {
  dhcp: async () => (await import("./dhcp.ts")).dhcpRole,
  dns: async () => (await import("./dns.ts")).dnsRole,
  ingress: async () => (await import("./ingress.ts")).ingressRole,
  "serial-bridge": async () => (await import("./serial-bridge.ts")).serialBridgeRole,
  router: async () => (await import("./router.ts")).routerRole,
  vip: async () => (await import("./vip.ts")).vipRole,
};

export const ROLE_NAMES = Object.keys(ROLES);

/** Starts the role, or says why it cannot. `task` is the task's environment. */
export async function startRole(
  name: string,
  env: SystemEnv,
  task: Readonly<Record<string, string>>,
): Promise<Result<Role>> {
  const load = ROLES[name];
  if (load === undefined)
    return fail(
      "unknown_role",
      `there is no role "${name}"`,
      `did you mean "${nearest(name, ROLE_NAMES) ?? "ingress"}"?`,
    );
  return (await load())(env, task);
}
