import { CodedError, fail, type Failure } from "#base/env/errors.ts";
import type { AgentConfig } from "#base/language/agent-config/config.ts";
import { didYouMean } from "#base/language/nearest.ts";
import type { SystemEnv } from "#base/platform/create-env.ts";
import { createSerialPorts } from "#base/platform/serial-ports.ts";
import { selfCommand } from "#base/platform/embedded/self.ts";
import { isAllowed } from "#daemons/scheduler/client/fingerprint/denylist.ts";
import { createDockerDriver } from "#drivers/docker/docker-driver.ts";
import { checkDockerOptions, readDockerOptions } from "#drivers/docker/plugin-options.ts";
import { checkBoardOptions, createBoardSource } from "#drivers/devices/board/board-source.ts";
import { checkMediaOptions, createMediaSource } from "#drivers/devices/media/media-source.ts";
import { checkSerialOptions, readSerialOptions } from "#drivers/devices/serial/plugin-options.ts";
import { createSerialSource } from "#drivers/devices/serial/serial-source.ts";
import type { DeviceSource, Driver } from "#drivers/driver.ts";
import { createExecDriver } from "#drivers/exec/exec-driver.ts";
import { checkExecOptions, readExecOptions } from "#drivers/exec/plugin-options.ts";
import { createJavaDriver } from "#drivers/java/java-driver.ts";
import { createLaresDriver } from "#drivers/lares/lares-driver.ts";
import { createMockDriver } from "#drivers/mock/mock-driver.ts";
import { checkQemuOptions, readQemuOptions } from "#drivers/qemu/plugin-options.ts";
import { createQemuDriver } from "#drivers/qemu/qemu-driver.ts";
import { checkRawExecOptions, createRawExecDriver, readRawExecOptions } from "#drivers/raw-exec/raw-exec-driver.ts";
import { ROLE_NAMES } from "../role/role.ts";
import type { TaskApi } from "./task-api.ts";

/** The drivers of this node, as its configuration wants them. Throws when a plugin's options are wrong. */
export function createDrivers(env: SystemEnv, config: AgentConfig, taskApi: TaskApi): readonly Driver[] {
  checkPlugins(config.plugins);
  const { raw_exec: rawExec = {}, docker = {}, exec = {}, java = {}, qemu = {} } = config.plugins;
  const root = config.client.chrootEnv;
  const drivers = [
    createMockDriver(env),
    createRawExecDriver(env, readRawExecOptions(rawExec)),
    createExecDriver(env, readExecOptions(exec, root)),
    createJavaDriver(env, readExecOptions(java, root)),
    createQemuDriver(env, readQemuOptions(qemu)),
    createDockerDriver(env, { options: readDockerOptions(docker), dockerHost: process.env["DOCKER_HOST"] ?? "" }),
    createLaresDriver(env, { selfCommand: selfCommand(), roles: ROLE_NAMES, taskApi }),
  ];
  return drivers.filter(({ name }) => isAllowed(config.client.options, "driver", name));
}

/** What finds devices on this node, as its configuration wants it; {@link createDrivers} has checked the options. */
export function createDeviceSources(env: SystemEnv, config: AgentConfig): readonly DeviceSource[] {
  const { serial = {}, media = {}, board = {} } = config.plugins;
  return [
    createSerialSource({ env, ports: createSerialPorts(), options: readSerialOptions(serial) }),
    createMediaSource(env.disk, media),
    createBoardSource(env.disk, board),
  ];
}

/** What each driver takes in its `plugin` block; drivers without a row have nothing to set. */
const OPTION_CHECKS: Readonly<Record<string, (config: Readonly<Record<string, unknown>>) => readonly Failure[]>> = {
  docker: checkDockerOptions,
  raw_exec: checkRawExecOptions,
  exec: checkExecOptions("exec"),
  java: checkExecOptions("java"),
  serial: checkSerialOptions,
  media: checkMediaOptions,
  board: checkBoardOptions,
  qemu: checkQemuOptions,
};

/** Throws with every mistake: a setting that is silently ignored is worse than an agent that does not start. */
function checkPlugins(plugins: AgentConfig["plugins"]): void {
  const known = Object.keys(OPTION_CHECKS);
  const mistakes = Object.entries(plugins).flatMap(([name, config]) => {
    const check = Object.hasOwn(OPTION_CHECKS, name) ? OPTION_CHECKS[name] : undefined;
    if (check !== undefined) return check(config);
    const hint = didYouMean(name, known) ?? `there are: ${known.join(", ")}`;
    return [fail("UNKNOWN_PLUGIN", `there is no plugin ${JSON.stringify(name)} to configure`, hint).error];
  });
  if (mistakes.length === 0) return;
  const lines = mistakes.map(({ message, hint }) => (hint === undefined ? message : `${message}; ${hint}`));
  throw new CodedError("agent_config", lines.join("\n"), 'options stand in plugin "NAME" { config { … } }');
}
