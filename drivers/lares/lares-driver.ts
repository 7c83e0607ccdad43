import { join } from "node:path/posix";
import { textOf } from "#base/env/bytes.ts";
import type { Env } from "#base/env/env.ts";
import { fail, succeed } from "#base/env/errors.ts";
import type { Failure, Result } from "#base/env/errors.ts";
import { nearest } from "#base/language/nearest.ts";
import { checkConfig, readConfig } from "../config-shape.ts";
import type { ConfigShape } from "../config-shape.ts";
import { distinctNodes } from "../devices/device-nodes.ts";
import type { Driver, StartFailure, TaskHandle, TaskStart } from "../driver.ts";
import { allocsRootOf, cgroupBase, cgroupOf, removeOwnerCgroup, strayCgroups } from "../process/cgroup.ts";
import { createProcesses } from "../process/processes.ts";
import type { Processes } from "../process/processes.ts";
import { DEFAULT_PATH, exitPathOf, processLife } from "../process/task-process.ts";
import { dropRights, ROOT_ROLES } from "./role-rights.ts";
import { canWork, isRoot, taskUid } from "./task-user.ts";

/** The cluster's API for one task: a socket that only its user may open and that answers only its token. */
export interface TaskApi {
  open(socket: {
    readonly socketPath: string;
    readonly token: string;
    readonly uid: number;
    readonly gid: number;
  }): Promise<void>;
  close(socketPath: string): Promise<void>;
}

export interface LaresDriverDeps {
  /** The command that starts this program once more: `[...selfCommand, "role", "ingress"]`. */
  readonly selfCommand: readonly string[];
  readonly roles: readonly string[];
  readonly taskApi: TaskApi;
}

const SHAPE: ConfigShape = { role: { kind: "text", required: true }, args: { kind: "texts" } };
const VERSION = 1;
const TOKEN_BYTES = 24;
const OWNER_ONLY = 0o700;
const OWNER_READS = 0o400;

/** Runs a role of this program as a task (`config { role = "ingress" }`). */
export function createLaresDriver(env: Env, deps: LaresDriverDeps): Driver {
  const processes = createProcesses(env);
  let root = "";
  const life = processLife(processes);
  return {
    name: "lares",
    capabilities: { sendSignals: true, exec: false, fsIsolation: "none", networkModes: ["host"], logs: "files" },
    fingerprint: () =>
      Promise.resolve({
        Attributes: { "driver.lares": "1", "driver.lares.roles": deps.roles.join(",") },
        Detected: true,
        Healthy: true,
        HealthDescription: "Healthy",
        UpdateTime: "",
      }),
    validate: (config) => [
      ...checkConfig("lares", SHAPE, config),
      ...checkRole(deps.roles, readConfig(config).text("role")),
    ],
    start: (task) => startRole({ env, processes, deps }, task),
    ...life,
    async recover(handle) {
      const found = await life.recover(handle);
      if (found.ok) await reopen(env, deps.taskApi, handle);
      return found;
    },
    async destroy(handle) {
      await deps.taskApi.close(socketOf(handle.state["secretsDir"]));
      await life.destroy(handle);
    },
    exec: () => Promise.resolve(fail("UNSUPPORTED", "a role of this program runs no other commands")),
    async sweep({ allocsRoot, keep }) {
      root = allocsRoot;
      const stray = await strayCgroups(env, { base: await baseOf(env), allocsRoot, keep });
      for (const cgroup of stray) await processes.purge(cgroup);
    },
    async close() {
      processes.close();
      await removeOwnerCgroup(env, await baseOf(env), root);
    },
  };
}

interface RoleStart {
  readonly env: Env;
  readonly processes: Processes;
  readonly deps: LaresDriverDeps;
}

async function startRole(
  { env, processes, deps }: RoleStart,
  task: TaskStart,
): Promise<Result<TaskHandle, StartFailure>> {
  const config = readConfig(task.config);
  const role = config.text("role");
  const { secretsDir, localDir, taskDir } = task.paths;
  const root = await isRoot(env);
  const uid = taskUid(task.allocId, task.taskName);
  const program = deps.selfCommand.at(-1) ?? "";
  const stays = ROOT_ROLES.has(role);
  const own = root && !stays && (await canWork(env, uid, { program, folder: localDir }));
  if (root && !own && !stays)
    task.onEvent(
      `${role} runs as the agent's user, without its rights: a user of its own cannot reach ${program} or ${localDir}`,
      {},
    );
  const owner = own ? uid : -1;
  // Its identity, where the cluster signs such: what the APIs know it by. Otherwise only the socket knows it.
  const token = task.env["NOMAD_TOKEN"] ?? Buffer.from(env.random.bytes(TOKEN_BYTES)).toString("base64url");
  await env.disk.setMode(secretsDir, OWNER_ONLY);
  await env.disk.replace(tokenFileOf(secretsDir), token, { mode: OWNER_READS, uid: owner, gid: owner });
  if (own) for (const folder of [secretsDir, localDir, join(taskDir, "tmp")]) await env.disk.setOwner(folder, uid, uid);
  const groups = await groupsOfDevices(env, task);
  await deps.taskApi.open({ socketPath: socketOf(secretsDir), token, uid: owner, gid: owner });
  const started = await processes.start({
    argv: [
      ...(root ? dropRights(role, { uid, own, groups }) : []),
      ...deps.selfCommand,
      "role",
      role,
      ...config.texts("args"),
    ],
    cwd: taskDir,
    env: { PATH: DEFAULT_PATH, HOME: localDir, ...task.env, NOMAD_TOKEN: token },
    stdoutPath: task.paths.stdoutPath,
    stderrPath: task.paths.stderrPath,
    exitPath: exitPathOf(task),
    cgroup: cgroupOf(await baseOf(env), allocsRootOf(task.paths.allocDir), task.id),
  });
  if (!started.ok) {
    await deps.taskApi.close(socketOf(secretsDir));
    return started;
  }
  const state = { ...started.value, secretsDir, owner };
  return succeed({ driver: "lares", version: VERSION, taskId: task.id, state });
}

/** Whose members may open the task's devices (`dialout`, `video` …). */
async function groupsOfDevices(env: Env, { devices = [] }: TaskStart): Promise<readonly number[]> {
  const files = await Promise.all(distinctNodes(devices).map(({ hostPath }) => env.disk.stat(hostPath)));
  return [...new Set(files.flatMap((file) => (file === undefined || file.gid === 0 ? [] : [file.gid])))];
}

/** The socket died with the agent that served it; the task keeps its token. */
async function reopen(env: Env, taskApi: TaskApi, { state }: TaskHandle): Promise<void> {
  const { secretsDir, owner } = state;
  if (typeof secretsDir !== "string" || typeof owner !== "number") return;
  const token = await env.disk.read(tokenFileOf(secretsDir));
  if (token !== undefined)
    await taskApi.open({ socketPath: socketOf(secretsDir), token: textOf(token), uid: owner, gid: owner });
}

/** Apart from raw_exec's: each driver sweeps only what it started. */
async function baseOf(env: Env): Promise<string> {
  const base = await cgroupBase(env);
  return base === "" ? "" : `${base}-roles`;
}

function socketOf(secretsDir: unknown): string {
  return `${String(secretsDir)}/api.sock`;
}

function tokenFileOf(secretsDir: string): string {
  return `${secretsDir}/nomad_token`;
}

function checkRole(roles: readonly string[], role: string): readonly Failure[] {
  if (role === "" || roles.includes(role)) return [];
  const close = nearest(role, roles);
  const hint = close === undefined ? `roles: ${roles.join(", ")}` : `did you mean ${close}?`;
  return [fail("UNKNOWN_ROLE", `lares config: there is no role ${JSON.stringify(role)}`, hint).error];
}
