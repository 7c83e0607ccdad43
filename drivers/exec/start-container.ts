import { basename, dirname, join } from "node:path/posix";
import { textOf } from "#base/env/bytes.ts";
import type { Env } from "#base/env/env.ts";
import { succeed, type Failure, type Result } from "#base/env/errors.ts";
import type { ConfigReader } from "../config-shape.ts";
import type { StartFailure, TaskStart } from "../driver.ts";
import { allocsRootOf, cgroupBase, cgroupOf } from "../process/cgroup.ts";
import { commandProblem } from "../process/command.ts";
import { readProcStat } from "../process/proc.ts";
import type { ProcessState } from "../process/processes.ts";
import { DEFAULT_PATH, exitPathOf } from "../process/task-process.ts";
import { wrap } from "../process/wrapper.ts";
import { bundle, processSpec } from "./bundle.ts";
import { containerUser } from "./container-user.ts";
import { deviceFiles } from "./device-files.ts";
import type { ExecOptions } from "./plugin-options.ts";
import { onHost, rootMounts } from "./root.ts";
import { Runc, runcRoot } from "./runc.ts";
import { readIsolation } from "./task-config.ts";

/** What is stored of a container; `bundle` is the folder that describes it. */
export interface ContainerState extends ProcessState {
  readonly containerId: string;
  readonly bundle: string;
  readonly runcRoot: string;
}

export interface StartOptions {
  readonly options: ExecOptions;
  readonly config: ConfigReader;
  /** Program and arguments, as paths of the task's root. */
  readonly argv: readonly string[];
}

const CGROUP_ROOT = /^\/sys\/fs\/cgroup(\/freezer)?/;

/** How a command that joins the task is to run. */
export const COMMAND_FILE = "command.json";

export async function startContainer(
  env: Env,
  task: TaskStart,
  start: StartOptions,
): Promise<Result<ContainerState, StartFailure>> {
  const { options, config } = start;
  const isolation = readIsolation(config, options);
  if (!isolation.ok) return final(isolation.error);
  const root = await rootMounts(env, options.root);
  const [command = "", ...args] = start.argv;
  const path = task.env["PATH"] ?? DEFAULT_PATH;
  const { cwd } = isolation.value;
  const inRoot = command.includes("/") ? onHost(join("/", cwd, command), root, task.paths.taskDir) : command;
  const places = path.split(":").map((folder) => onHost(folder, root, task.paths.taskDir));
  const problem = await commandProblem(env, inRoot, { cwd: task.paths.taskDir, path: places.join(":") });
  if (problem !== undefined) return { ok: false, error: problem };
  const user = await containerUser(env, { name: task.user, denied: options.denied });
  if (!user.ok) return user;
  const { uid, gid } = user.value;
  const exitPath = exitPathOf(task);
  const cgroup = cgroupOf(await cgroupBase(env), allocsRootOf(task.paths.allocDir), task.id);
  const containerId = basename(cgroup);
  const folder = `${dirname(task.paths.allocDir)}/.exec/${containerId}`;
  await env.disk.makeDir(folder, { mode: 0o700, durable: false });
  const owned = [task.paths.secretsDir, task.paths.localDir].map((own) => env.disk.setOwner(own, uid, gid));
  const wish = {
    ...isolation.value,
    task: { ...task, env: { PATH: DEFAULT_PATH, ...task.env } },
    argv: wrap([command, ...args], { exitPath: `/${basename(exitPath)}`, cgroup: "" }),
    user: user.value,
    pidsLimit: options.pidsLimit,
    cgroupsPath: cgroup.replace(CGROUP_ROOT, ""),
    root,
    devices: await deviceFiles(env.disk, task.devices ?? []),
  };
  // None of these is of use to anybody once the machine was off.
  const joining = JSON.stringify(processSpec(wish, { argv: [], terminal: false }));
  await Promise.all([
    ...owned,
    // The task's user writes down how it ended.
    env.disk.replace(exitPath, "", { uid, gid, durable: false }),
    env.disk.replace(`${folder}/config.json`, JSON.stringify(bundle(wish)), { mode: 0o600, durable: false }),
    env.disk.replace(`${folder}/${COMMAND_FILE}`, joining, { mode: 0o600, durable: false }),
  ]);
  const state = {
    containerId,
    bundle: folder,
    cgroup,
    exitPath,
    runcRoot: runcRoot(allocsRootOf(task.paths.allocDir)),
  };
  const runc = new Runc(env, state.runcRoot);
  const pid = await begin(env, task, { runc, state, noPivotRoot: options.noPivotRoot });
  if (pid.ok) return succeed({ ...state, ...pid.value });
  await runc.remove(containerId);
  await env.disk.remove(folder);
  return pid;
}

async function begin(
  env: Env,
  task: TaskStart,
  {
    runc,
    state,
    noPivotRoot,
  }: {
    readonly runc: Runc;
    readonly state: Pick<ContainerState, "containerId" | "bundle">;
    readonly noPivotRoot: boolean;
  },
): Promise<Result<Pick<ProcessState, "pid" | "startTicks">, StartFailure>> {
  const { stdoutPath, stderrPath } = task.paths;
  const pidFile = `${state.bundle}/pid`;
  const made = await runc.start({
    id: state.containerId,
    bundle: state.bundle,
    pidFile,
    stdoutPath,
    stderrPath,
    noPivotRoot,
  });
  if (!made.ok) return { ok: false, error: { ...made.error, recoverable: true } };
  const pid = Number(textOf((await env.disk.read(pidFile)) ?? new Uint8Array()));
  const stat = await readProcStat(env.disk, pid);
  return succeed({ pid, startTicks: stat?.startTicks ?? 0 });
}

function final(error: Failure): { readonly ok: false; readonly error: StartFailure } {
  return { ok: false, error: { ...error, recoverable: false } };
}
