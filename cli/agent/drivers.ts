import { CodedError } from "#base/env/errors.ts";
import type { AgentConfig } from "#base/language/agent-config/config.ts";
import type { SystemEnv } from "#base/platform/create-env.ts";
import { selfCommand } from "#base/platform/embedded/self.ts";
import { createDockerDriver } from "#drivers/docker/docker-driver.ts";
import { checkDockerOptions, readDockerOptions } from "#drivers/docker/plugin-options.ts";
import type { Driver } from "#drivers/driver.ts";
import { createLaresDriver } from "#drivers/lares/lares-driver.ts";
import { createMockDriver } from "#drivers/mock/mock-driver.ts";
import { createRawExecDriver } from "#drivers/raw-exec/raw-exec-driver.ts";
import { ROLE_NAMES } from "../role/role.ts";
import type { TaskApi } from "./task-api.ts";

/** The drivers of this node, as its configuration wants them. Throws when a plugin's options are wrong. */
export function createDrivers(env: SystemEnv, config: AgentConfig, taskApi: TaskApi): readonly Driver[] {
  const { raw_exec: rawExec = {}, docker = {} } = config.plugins;
  const [mistake] = checkDockerOptions(docker);
  if (mistake !== undefined) throw new CodedError(mistake.code, mistake.message, mistake.hint);
  return [
    createMockDriver(env),
    createRawExecDriver(env, { enabled: rawExec["enabled"] === true }),
    createDockerDriver(env, { options: readDockerOptions(docker), dockerHost: process.env["DOCKER_HOST"] ?? "" }),
    createLaresDriver(env, { selfCommand: selfCommand(), roles: ROLE_NAMES, taskApi }),
  ];
}
