import { CodedError, type Failure } from "#base/env/errors.ts";
import type { AgentConfig } from "#base/language/agent-config/config.ts";
import { didYouMean } from "#base/language/nearest.ts";
import type { SystemEnv } from "#base/platform/create-env.ts";
import { selfCommand } from "#base/platform/embedded/self.ts";
import { checkConfig, readConfig, type ConfigShape } from "#drivers/config-shape.ts";
import { createDockerDriver } from "#drivers/docker/docker-driver.ts";
import { checkDockerOptions, readDockerOptions } from "#drivers/docker/plugin-options.ts";
import type { Driver } from "#drivers/driver.ts";
import { createLaresDriver } from "#drivers/lares/lares-driver.ts";
import { createMockDriver } from "#drivers/mock/mock-driver.ts";
import { createRawExecDriver } from "#drivers/raw-exec/raw-exec-driver.ts";
import { ROLE_NAMES } from "../role/role.ts";
import type { TaskApi } from "./task-api.ts";

const RAW_EXEC_OPTIONS: ConfigShape = { enabled: { kind: "flag" } };
const CONFIGURABLE = ["docker", "raw_exec"];

/** The drivers of this node, as its configuration wants them. Throws when a plugin's options are wrong. */
export function createDrivers(env: SystemEnv, config: AgentConfig, taskApi: TaskApi): readonly Driver[] {
  const { raw_exec: rawExec = {}, docker = {} } = config.plugins;
  const [mistake] = [
    ...Object.keys(config.plugins).flatMap(unknownPlugin),
    ...checkDockerOptions(docker),
    ...checkConfig("raw_exec plugin", RAW_EXEC_OPTIONS, rawExec),
  ];
  if (mistake !== undefined) throw new CodedError(mistake.code, mistake.message, mistake.hint);
  return [
    createMockDriver(env),
    createRawExecDriver(env, { enabled: readConfig(rawExec).flag("enabled", false) }),
    createDockerDriver(env, { options: readDockerOptions(docker), dockerHost: process.env["DOCKER_HOST"] ?? "" }),
    createLaresDriver(env, { selfCommand: selfCommand(), roles: ROLE_NAMES, taskApi }),
  ];
}

function unknownPlugin(name: string): Failure[] {
  if (CONFIGURABLE.includes(name)) return [];
  const hint = didYouMean(name, CONFIGURABLE) ?? `there are: ${CONFIGURABLE.join(", ")}`;
  return [{ code: "agent_config", message: `there is no plugin ${JSON.stringify(name)} to configure`, hint }];
}
