import type { Env } from "#base/env/env.ts";
import { fail, succeed, type Result } from "#base/env/errors.ts";
import { DEFAULT_STATE, stateFolder } from "#daemons/router/apply/state-folder.ts";
import { startRouter } from "#daemons/router/serve/router.ts";
import { startWatchdog } from "../router/watchdog.ts";
import type { Role } from "./role.ts";
import { taskApi } from "./task-api.ts";
import { variableReader } from "./task-variables.ts";

/** Programs no router is without; what else a configuration asks for is missed when it is asked for. */
const NEEDED = { ip: "iproute2", tc: "iproute2", nft: "nftables", flock: "util-linux" } as const;

const PATH = "/usr/sbin:/usr/bin:/sbin:/bin";

/** This machine as a router. As a task it asks the cluster through its socket, by hand the agent of this machine. */
export async function routerRole(env: Env, task: Readonly<Record<string, string>>): Promise<Result<Role>> {
  for (const [program, debian] of Object.entries(NEEDED))
    if ((await env.exec.find(program)) === undefined)
      return fail("router_programs", `${program} is not in PATH`, `apt-get install ${debian}`);
  const dir = task["LARES_ROUTER_STATE"] ?? DEFAULT_STATE;
  if (!dir.startsWith("/"))
    return fail("router_state", `LARES_ROUTER_STATE ${JSON.stringify(dir)} is not an absolute path`, "begin it with /");
  const { consul } = taskApi(env, task);
  const variables = variableReader(env, task);
  const guard = (id: string, withinMs: number): Promise<void> =>
    startWatchdog(env, { id, withinMs, dir, environment: { PATH: task["PATH"] ?? PATH } });
  const node = task["NOMAD_NODE_NAME"] ?? env.net.hostname();
  return succeed(await startRouter({ env, state: stateFolder(env.disk, dir), variables }, { consul, node, guard }));
}
