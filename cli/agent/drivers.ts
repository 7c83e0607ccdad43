import type { AgentConfig } from "#base/language/agent-config/config.ts";
import type { SystemEnv } from "#base/platform/create-env.ts";
import { createMockDriver } from "#drivers/mock/mock-driver.ts";
import { createRawExecDriver } from "#drivers/raw-exec/raw-exec-driver.ts";
import type { Driver } from "#drivers/driver.ts";

/** The drivers of this node, as its configuration wants them. */
export function createDrivers(env: SystemEnv, config: AgentConfig): readonly Driver[] {
  const { raw_exec: rawExec = {} } = config.plugins;
  return [createMockDriver(env), createRawExecDriver(env, { enabled: rawExec["enabled"] === true })];
}
