import { isAbsolute, join } from "node:path/posix";
import type { Env } from "#base/env/env.ts";
import { succeed } from "#base/env/errors.ts";
import type { Failure, Result } from "#base/env/errors.ts";
import { checkConfig, readConfig } from "../config-shape.ts";
import type { ConfigShape } from "../config-shape.ts";
import type { Driver, StartFailure, TaskHandle, TaskStart } from "../driver.ts";
import { taskUser } from "../process/task-user.ts";
import { allocsRootOf, cgroupBase, cgroupOf, removeOwnerCgroup, strayCgroups } from "../process/cgroup.ts";
import { commandProblem } from "../process/command.ts";
import { checkDeniedIds, deniedProblem, DENIED_SHAPE, readDeniedIds, type DeniedIds } from "../process/denied-ids.ts";
import { openExec } from "../process/exec-session.ts";
import { createProcesses, processStateOf } from "../process/processes.ts";
import type { Processes } from "../process/processes.ts";
import { DEFAULT_PATH, exitPathOf, processLife } from "../process/task-process.ts";

const SHAPE: ConfigShape = {
  command: { kind: "text", required: true },
  args: { kind: "texts" },
  work_dir: { kind: "text" },
  cgroup_v1_override: { kind: "map" },
  cgroup_v2_override: { kind: "text" },
  oom_score_adj: { kind: "number" },
  denied_envvars: { kind: "texts" },
};

const VERSION = 1;

export interface RawExecOptions {
  /** Default true. Off: the driver is absent from the node. */
  readonly enabled?: boolean;
  /** Default: nobody. */
  readonly denied?: DeniedIds;
}

/** `plugin "raw_exec" { config { … } }` (https://developer.hashicorp.com/nomad/docs/deploy/task-driver/raw_exec#plugin-options). */
const PLUGIN_SHAPE: ConfigShape = { enabled: { kind: "flag" }, ...DENIED_SHAPE };

export function checkRawExecOptions(config: Readonly<Record<string, unknown>>): readonly Failure[] {
  return [...checkConfig("raw_exec plugin", PLUGIN_SHAPE, config), ...checkDeniedIds("raw_exec", config)];
}

/** Off unless it is switched on. */
export function readRawExecOptions(config: Readonly<Record<string, unknown>>): RawExecOptions {
  return { enabled: readConfig(config).flag("enabled", false), denied: readDeniedIds(config) };
}

/** Runs a program as it is, with the rights of the agent unless the task names a user. */
export function createRawExecDriver(env: Env, options: RawExecOptions = {}): Driver {
  const { enabled = true, denied = readDeniedIds({}) } = options;
  const processes = createProcesses(env);
  let root = "";
  return {
    name: "raw_exec",
    capabilities: {
      sendSignals: true,
      exec: true,
      fsIsolation: "none",
      networkModes: ["host", "bridge", "none"],
      logs: "files",
    },
    fingerprint: () =>
      Promise.resolve({
        Attributes: enabled ? { "driver.raw_exec": "1" } : {},
        Detected: enabled,
        Healthy: enabled,
        HealthDescription: enabled ? "Healthy" : "disabled",
        UpdateTime: "",
      }),
    validate: (config) => checkConfig("raw_exec", SHAPE, config),
    async start(task) {
      const problem = await deniedProblem(env, task.user, denied);
      return problem === undefined ? startRawExec(env, processes, task) : { ok: false, error: problem };
    },
    exec: (handle, request) => Promise.resolve(openExec(env, processStateOf(handle), request)),
    ...processLife(processes),
    async sweep({ allocsRoot, keep }) {
      root = allocsRoot;
      const stray = await strayCgroups(env, { base: await cgroupBase(env), allocsRoot, keep });
      for (const cgroup of stray) await processes.purge(cgroup);
    },
    async close() {
      processes.close();
      await removeOwnerCgroup(env, await cgroupBase(env), root);
    },
  };
}

async function startRawExec(
  env: Env,
  processes: Processes,
  task: TaskStart,
): Promise<Result<TaskHandle, StartFailure>> {
  const config = readConfig(task.config);
  const command = config.text("command");
  const workDir = config.text("work_dir");
  const cwd = workDir === "" ? task.paths.taskDir : isAbsolute(workDir) ? workDir : join(task.paths.taskDir, workDir);
  const denied = new Set(config.texts("denied_envvars"));
  const taskEnv = Object.fromEntries(
    Object.entries({ PATH: DEFAULT_PATH, ...task.env }).filter(([name]) => !denied.has(name)),
  );
  const problem = await commandProblem(env, command, { cwd, path: taskEnv["PATH"] ?? DEFAULT_PATH });
  if (problem !== undefined) return { ok: false, error: problem };
  const user = await taskUser(env, task.user);
  if (!user.ok) return user;
  // Its secrets are for the task's user alone.
  if (user.value !== undefined) await env.disk.setOwner(task.paths.secretsDir, user.value.uid, user.value.gid);
  const started = await processes.start({
    argv: [
      ...(task.network === undefined ? [] : ["nsenter", `--net=${task.network.namespace}`, "--"]),
      ...(user.value?.prefix ?? []),
      ...oomAdjust(config.number("oom_score_adj")),
      command,
      ...config.texts("args"),
    ],
    cwd,
    env: taskEnv,
    stdoutPath: task.paths.stdoutPath,
    stderrPath: task.paths.stderrPath,
    exitPath: exitPathOf(task),
    cgroup: cgroupOf(await cgroupBase(env), allocsRootOf(task.paths.allocDir), task.id),
  });
  if (!started.ok) return started;
  // What it writes to the destination would be anywhere but on the volume.
  for (const { hostPath, taskPath } of task.mounts)
    task.onEvent(`raw_exec sees the node's own files: the volume is at ${hostPath}, not at ${taskPath}`, {});
  return succeed({ driver: "raw_exec", version: VERSION, taskId: task.id, state: { ...started.value } });
}

function oomAdjust(score: number | undefined): readonly string[] {
  return score === undefined ? [] : ["choom", "-n", String(score), "--"];
}
