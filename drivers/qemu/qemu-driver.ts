import { join } from "node:path/posix";
import * as v from "valibot";
import { textOf } from "#base/env/bytes.ts";
import type { Env } from "#base/env/env.ts";
import { fail, succeed, type Result } from "#base/env/errors.ts";
import type { Driver, SweepRequest, TaskExit, TaskHandle } from "../driver.ts";
import { cgroupBase, removeOwnerCgroup, removeOwnerInAll, strayCgroups } from "../process/cgroup.ts";
import { removeLimits, sweepLimits } from "../process/limits.ts";
import { readSoft } from "../process/proc.ts";
import { ranOutOfMemory } from "../process/out-of-memory.ts";
import { createProcesses, type Processes } from "../process/processes.ts";
import { processLife } from "../process/task-process.ts";
import { kvmProbe } from "./accelerator.ts";
import { CONSOLE_COMMAND, Consoles } from "./console.ts";
import { findEmulators } from "./emulators.ts";
import { strayTaps, tapNameIn, unplug } from "./guest-network.ts";
import { lastLine } from "./last-line.ts";
import { askMonitor } from "./monitor.ts";
import { readQemuOptions, type QemuOptions } from "./plugin-options.ts";
import { GuestStateSchema, RUN_FILES, type GuestState } from "./run-folder.ts";
import { checkTaskConfig } from "./task-config.ts";

const VERSION = 1;
const SIGKILL = 9;

/** Virtual machines. `folder` is for files of a moment. */
export function createQemuDriver(env: Env, options: QemuOptions = readQemuOptions({}), folder = "/tmp"): Driver {
  const processes = createProcesses(env);
  const life = processLife(processes);
  const hasKvm = kvmProbe(env, folder);
  const emulators = findEmulators(env, options, hasKvm);
  const consoles = new Consoles(env);
  let root = "";
  return {
    ...life,
    name: "qemu",
    capabilities: {
      sendSignals: true,
      exec: true,
      fsIsolation: "image",
      networkModes: ["host", "bridge", "none"],
      logs: "files",
    },
    fingerprint: () => emulators.fingerprint(),
    validate: (config) => checkTaskConfig(config, options),
    async start(task) {
      const { canConfine } = emulators;
      // Most nodes run no guest at all.
      const { startGuest } = await import("./start-guest.ts");
      const started = await startGuest({ env, processes, options, hasKvm, canConfine }, task);
      return started.ok
        ? succeed({ driver: "qemu", version: VERSION, taskId: task.id, state: { ...started.value } })
        : started;
    },
    async wait(handle, signal) {
      const state = stateOf(handle);
      const exit = await life.wait(handle, signal);
      return state === undefined || exit.kind !== "exited" ? exit : withGuestsWord(env, state, exit);
    },
    async stop(handle, stop) {
      const state = stateOf(handle);
      if (state === undefined) return;
      const { stopGuest } = await import("./shutdown.ts");
      await stopGuest({ env, processes }, state, stop);
    },
    async destroy(handle) {
      const state = stateOf(handle);
      if (state === undefined) return;
      await life.destroy(handle);
      await removeLimits(env, state.cgroup);
      await unplug(env, state.tap);
      await env.disk.remove(state.folder);
    },
    signal: async (handle, name) => (await signalMachine(env, stateOf(handle), name)) ?? life.signal(handle, name),
    exec: (handle, request) => exec({ env, consoles }, stateOf(handle), request),
    async sweep(request) {
      root = request.allocsRoot;
      await sweep(env, processes, request);
    },
    async close() {
      processes.close();
      await removeOwnerCgroup(env, await cgroupBase(env), root);
      await removeOwnerInAll(env, root);
    },
  };
}

/** What these signals mean to a machine. Others go to QEMU, as they are. */
const MONITOR_COMMANDS: Readonly<Record<string, string>> = {
  SIGSTOP: "stop",
  SIGCONT: "cont",
  SIGPWR: "system_powerdown",
  SIGTERM: "system_powerdown",
  SIGINT: "system_powerdown",
  SIGHUP: "system_reset",
};

/** Undefined: it is none of these. */
async function signalMachine(env: Env, state: GuestState | undefined, name: string): Promise<Result<void> | undefined> {
  const command = MONITOR_COMMANDS[name.toUpperCase()];
  if (state === undefined || command === undefined) return undefined;
  const done = await askMonitor(env, join(state.folder, RUN_FILES.monitor), { name: command });
  return done.ok ? succeed(undefined) : done;
}

function stateOf(handle: TaskHandle): GuestState | undefined {
  const parsed = v.safeParse(GuestStateSchema, handle.state);
  return parsed.success ? parsed.output : undefined;
}

type Exited = Extract<TaskExit, { kind: "exited" }>;

/** A guest that ended in order may have left word of how; a QEMU that failed says why. */
async function withGuestsWord(env: Env, state: GuestState, exit: Exited): Promise<TaskExit> {
  if (exit.signal === SIGKILL && (await ranOutOfMemory(env, state.cgroup))) return { ...exit, oomKilled: true };
  if (exit.signal !== 0) return exit;
  if (exit.code === 0) {
    const word = await readSoft(env.disk, join(state.folder, RUN_FILES.exitCode));
    const code = /^\s*(\d{1,3})\s*$/.exec(word ?? "")?.[1];
    return code === undefined ? exit : { ...exit, code: Math.min(Number(code), 255) };
  }
  const size = (await env.disk.stat(state.stderrPath))?.size ?? 0;
  const said = await env.disk.readAt(state.stderrPath, Math.max(0, size - MAX_SAID), MAX_SAID);
  return { ...exit, message: lastLine(textOf(said ?? new Uint8Array())) };
}

const MAX_SAID = 4096;

async function exec(
  { env, consoles }: { readonly env: Env; readonly consoles: Consoles },
  state: GuestState | undefined,
  request: Parameters<Driver["exec"]>[1],
): ReturnType<Driver["exec"]> {
  if (state === undefined) return fail("BAD_HANDLE", "not a handle of the qemu driver");
  if (request.command[0] === CONSOLE_COMMAND && request.command.length === 1)
    return consoles.open(state.folder, request);
  if (state.hasAgent) return (await import("./guest-exec.ts")).execInGuest(env, state.folder, request);
  // A WebSocket closes with 123 bytes of words at most (RFC 6455 section 5.5.1).
  const hint = `set guest_agent = true and install qemu-guest-agent in it; or use the command ${CONSOLE_COMMAND}`;
  return fail("NO_AGENT", "this guest has no agent", hint);
}

async function sweep(env: Env, processes: Processes, request: SweepRequest): Promise<void> {
  for (const cgroup of await strayCgroups(env, { base: await cgroupBase(env), ...request }))
    await processes.purge(cgroup);
  await sweepLimits(env, request);
  const { allocsRoot, keep } = request;
  const known = [...keep].map((taskId) => tapNameIn(allocsRoot, taskId));
  for (const tap of await strayTaps(env, allocsRoot, known)) await unplug(env, tap);
}
