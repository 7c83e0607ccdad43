import * as v from "valibot";
import type { Env } from "#base/env/env.ts";
import { fail, succeed } from "#base/env/errors.ts";
import { checkConfig, readConfig, type ConfigReader, type ConfigShape } from "../config-shape.ts";
import type { Driver, TaskHandle } from "../driver.ts";
import {
  allocsRootOf,
  cgroupBase,
  cgroupName,
  removeOwnerCgroup,
  removeOwnerInAll,
  strayCgroups,
} from "../process/cgroup.ts";
import { createProcesses, ProcessStateSchema, type Processes } from "../process/processes.ts";
import { processLife } from "../process/task-process.ts";
import { execInContainer } from "./container-exec.ts";
import { ranOutOfMemory } from "../process/out-of-memory.ts";
import { readExecOptions, type ExecOptions } from "./plugin-options.ts";
import { Runc, runcRoot, runcVersion } from "./runc.ts";
import { startContainer, type ContainerState } from "./start-container.ts";
import { ISOLATION_SHAPE } from "./task-config.ts";

const VERSION = 1;
const SIGKILL = 9;
const StateSchema = v.object({
  ...ProcessStateSchema.entries,
  containerId: v.string(),
  bundle: v.string(),
  runcRoot: v.string(),
});

/** What one kind of isolated process is. */
export interface IsolatedKind {
  readonly name: string;
  readonly shape: ConfigShape;
  /** Program and arguments; paths are the task's. */
  argv(config: ConfigReader): readonly string[];
  /** What is wrong with options that are fine one by one. */
  problem?(config: ConfigReader): { readonly message: string; readonly hint: string } | undefined;
  /** What else the machine must have: attributes, or what is missing. */
  fingerprint?(): Promise<{ readonly attributes: Readonly<Record<string, string>> } | { readonly missing: string }>;
}

const EXEC: IsolatedKind = {
  name: "exec",
  shape: { command: { kind: "text", required: true }, args: { kind: "texts" } },
  argv: (config) => [config.text("command"), ...config.texts("args")],
};

/** Runs a program in a root of its own. */
export function createExecDriver(env: Env, options: ExecOptions = readExecOptions({})): Driver {
  return createIsolatedDriver(env, EXEC, options);
}

export function createIsolatedDriver(env: Env, kind: IsolatedKind, options: ExecOptions): Driver {
  const { name } = kind;
  const processes = createProcesses(env);
  const life = processLife(processes);
  const version = runcVersion(env);
  let root = "";
  return {
    ...life,
    name,
    capabilities: {
      sendSignals: true,
      exec: true,
      fsIsolation: "chroot",
      networkModes: ["host", "bridge", "none"],
      logs: "files",
    },
    fingerprint: () => fingerprint(env, version, kind),
    validate(config) {
      const failures = checkConfig(name, { ...ISOLATION_SHAPE, ...kind.shape }, config);
      const problem = failures.length > 0 ? undefined : kind.problem?.(readConfig(config));
      return problem === undefined ? failures : [fail("MISSING_KEY", problem.message, problem.hint).error];
    },
    async start(task) {
      const config = readConfig(task.config);
      root = allocsRootOf(task.paths.allocDir);
      const started = await startContainer(env, task, { options, config, argv: kind.argv(config) });
      if (!started.ok) return started;
      return succeed({ driver: name, version: VERSION, taskId: task.id, state: { ...started.value } });
    },
    async wait(handle, signal) {
      const exit = await life.wait(handle, signal);
      const state = stateOf(handle);
      if (exit.kind !== "exited" || exit.signal !== SIGKILL || state === undefined) return exit;
      return (await ranOutOfMemory(env, state.cgroup)) ? { ...exit, oomKilled: true } : exit;
    },
    async destroy(handle) {
      const state = stateOf(handle);
      if (state === undefined) return;
      await new Runc(env, state.runcRoot).remove(state.containerId);
      await life.destroy(handle);
      await env.disk.remove(state.bundle);
    },
    async exec(handle, request) {
      const state = stateOf(handle);
      if (state === undefined) return fail("BAD_HANDLE", `not a handle of ${name}`);
      return execInContainer(env, { state, request });
    },
    async sweep({ allocsRoot, keep }) {
      root = allocsRoot;
      await sweep(env, processes, { allocsRoot, keep });
    },
    async close() {
      processes.close();
      if (root === "") return;
      await removeOwnerCgroup(env, await cgroupBase(env), root);
      await removeOwnerInAll(env, root);
      await new Runc(env, runcRoot(root)).leave();
    },
  };
}

function stateOf(handle: TaskHandle): ContainerState | undefined {
  const parsed = v.safeParse(StateSchema, handle.state);
  return parsed.success ? parsed.output : undefined;
}

async function fingerprint(
  env: Env,
  version: () => Promise<string | undefined>,
  kind: IsolatedKind,
): ReturnType<Driver["fingerprint"]> {
  const absent = (why: string) => ({
    Attributes: {},
    Detected: false,
    Healthy: false,
    HealthDescription: why,
    UpdateTime: "",
  });
  const runc = await version();
  if (runc === undefined) return absent("needs runc (Debian's package runc)");
  if ((await cgroupBase(env)) === "") return absent("needs control groups (/sys/fs/cgroup)");
  const more = await kind.fingerprint?.();
  if (more !== undefined && "missing" in more) return absent(more.missing);
  return {
    Attributes: { [`driver.${kind.name}`]: "1", [`driver.${kind.name}.runc`]: runc, ...more?.attributes },
    Detected: true,
    Healthy: true,
    HealthDescription: "Healthy",
    UpdateTime: "",
  };
}

/** Another driver may have ended the processes already: runc's notes tell what was one of ours. */
async function sweep(
  env: Env,
  processes: Processes,
  { allocsRoot, keep }: { readonly allocsRoot: string; readonly keep: ReadonlySet<string> },
): Promise<void> {
  const runc = new Runc(env, runcRoot(allocsRoot));
  const known = new Set([...keep].map(cgroupName));
  for (const id of await runc.list()) {
    if (known.has(id)) continue;
    await runc.remove(id);
    await env.disk.remove(`${allocsRoot}/${id.slice(0, ALLOC_ID_LENGTH)}/.exec/${id}`);
  }
  const stray = await strayCgroups(env, { base: await cgroupBase(env), allocsRoot, keep });
  for (const cgroup of stray) await processes.purge(cgroup);
}

/** A container's id begins with its allocation's. */
const ALLOC_ID_LENGTH = 36;
