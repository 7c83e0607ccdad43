import { dirname, join } from "node:path/posix";
import { textOf } from "#base/env/bytes.ts";
import { sleep } from "#base/env/clock.ts";
import type { Env } from "#base/env/env.ts";
import { fail, succeed, type Failure, type Result } from "#base/env/errors.ts";
import { readConfig } from "../config-shape.ts";
import type { StartFailure, TaskStart } from "../driver.ts";
import { allocsRootOf, cgroupBase, cgroupOf } from "../process/cgroup.ts";
import { limited, removeLimits, type Limits } from "../process/limits.ts";
import type { Processes, ProcessState } from "../process/processes.ts";
import { DEFAULT_PATH, exitPathOf } from "../process/task-process.ts";
import { taskUser, type TaskUser } from "../process/task-user.ts";
import { buildMachine } from "./build-machine.ts";
import { commandLine, launcher } from "./command-line.ts";
import { dhcpConfig, inside } from "./guest-address.ts";
import { plugIn, unplug } from "./guest-network.ts";
import { lastLine } from "./last-line.ts";
import type { Machine } from "./machine.ts";
import { askMonitor, sayToMonitor } from "./monitor.ts";
import type { QemuOptions } from "./plugin-options.ts";
import { RUN_FILES, runFolder, type GuestState } from "./run-folder.ts";
import type { Workshop } from "./workshop.ts";

export interface StartDeps {
  readonly env: Env;
  readonly processes: Processes;
  readonly options: QemuOptions;
  readonly hasKvm: Workshop["hasKvm"];
  readonly canConfine: Workshop["canConfine"];
}

/** How long QEMU may take until its monitor listens; it opens images and sets memory up before. */
const MONITOR_TIMEOUT_MS = 30_000;
const LOOK_MS = 10;
const CONNECT_MS = 1000;

/** Builds the machine, starts it stopped, and lets it go as soon as QEMU has accepted everything. */
export async function startGuest(deps: StartDeps, task: TaskStart): Promise<Result<GuestState, StartFailure>> {
  const { env, options, hasKvm, canConfine } = deps;
  const config = readConfig(task.config);
  const user = await taskUser(env, task.user);
  if (!user.ok) return user;
  const folder = runFolder(task);
  const owner = user.value === undefined ? {} : { uid: user.value.uid, gid: user.value.gid };
  await env.disk.makeDir(dirname(folder), { mode: 0o711, durable: false });
  await env.disk.makeDir(folder, { mode: 0o700, durable: false, ...owner });
  const built = await buildMachine({ env, task, config, options, folder, hasKvm, canConfine });
  const started = built.ok
    ? await launch(deps, { task, folder, machine: built.value, user: user.value })
    : final(built.error);
  if (!started.ok) {
    await env.disk.remove(folder);
    return started;
  }
  const machine = built.ok ? built.value : undefined;
  return succeed({
    ...started.value,
    folder,
    stderrPath: task.paths.stderrPath,
    hasAgent: machine?.hasAgent ?? false,
    isGraceful: config.flag("graceful_shutdown", true),
    savesOnStop: config.flag("snapshot_on_stop", false),
    tap: machine?.network.kind === "bridge" ? machine.network.tap : "",
  });
}

interface Launch {
  readonly task: TaskStart;
  readonly folder: string;
  readonly machine: Machine;
  readonly user: TaskUser | undefined;
}

async function launch(deps: StartDeps, wish: Launch): Promise<Result<ProcessState, StartFailure>> {
  const { env, processes } = deps;
  const { task, folder, machine, user } = wish;
  const { network } = machine;
  const plugged = await plugIn(env, network, { task, user: user === undefined ? "" : String(user.uid) });
  const takeOut = (): Promise<void> => unplug(env, network.kind === "bridge" ? network.tap : "");
  if (!plugged.ok) {
    await takeOut();
    return { ok: false, error: { ...plugged.error, recoverable: true } };
  }
  const dhcp = await writeFiles(env, wish);
  const before = (await env.disk.stat(task.paths.stderrPath))?.size ?? 0;
  const cgroup = cgroupOf(await cgroupBase(env), allocsRootOf(task.paths.allocDir), task.id);
  const argv = [
    ...(task.network === undefined || network.kind === "bridge" ? [] : inside(task.network)),
    ...launcher([...(user?.prefix ?? []), ...commandLine(machine)], dhcp),
  ];
  const started = await processes.start({
    argv: limited(pinned(argv, task), cgroup, limitsOf(task)),
    cwd: folder,
    env: { PATH: DEFAULT_PATH },
    stdoutPath: task.paths.stdoutPath,
    stderrPath: task.paths.stderrPath,
    exitPath: exitPathOf(task),
    cgroup,
  });
  const going = started.ok ? await letGo(deps, { state: started.value, wish, before }) : started;
  if (going.ok) return started;
  if (started.ok) await processes.destroy(started.value);
  await removeLimits(env, cgroup);
  await takeOut();
  return going;
}

/** What QEMU needs beside its guest's memory: itself, its buffers and, where it emulates, translated code. */
const OWN_MEMORY_MB = 256;
const MIB = 1024 * 1024;

function limitsOf({ resources: { Cpu, Memory } }: TaskStart): Limits {
  const wanted = Math.max(Memory.MemoryMB + OWN_MEMORY_MB, Memory.MemoryMaxMB);
  return { cpuShares: Cpu.CpuShares, memoryBytes: Memory.MemoryMB > 0 ? wanted * MIB : 0 };
}

/** To the cores that are the task's alone. */
function pinned(argv: readonly string[], { resources: { Cpu } }: TaskStart): readonly string[] {
  return Cpu.ReservedCores.length === 0 ? argv : ["taskset", "-c", Cpu.ReservedCores.join(","), ...argv];
}

/** Files that QEMU reads as its user. Answers the DHCP server's; empty: none is needed. */
async function writeFiles(env: Env, { task, folder, machine, user }: Launch): Promise<string> {
  const own = { mode: 0o600, durable: false, ...(user === undefined ? {} : { uid: user.uid, gid: user.gid }) };
  const lines = Object.entries(task.env).map(([name, value]) => `${name}=${value.replaceAll("\n", "\\n")}\n`);
  await env.disk.replace(join(folder, RUN_FILES.env), lines.join(""), own);
  const [vnc] = readConfig(task.config).blocks("vnc").map(readConfig);
  if (vnc !== undefined) await env.disk.replace(join(folder, RUN_FILES.vncPassword), vnc.text("password"), own);
  if (user !== undefined) await giveTo(env, user, { folder, machine, task });
  if (machine.network.kind !== "alloc" || machine.network.address.cidr.includes(":")) return "";
  if ((await env.exec.find("udhcpd")) === undefined) {
    task.onEvent(
      "No DHCP server for the guest (Debian's package udhcpd): it needs cloud_init or its address in append",
      {},
    );
    return "";
  }
  const file = join(folder, RUN_FILES.dhcp);
  await env.disk.replace(file, dhcpConfig(machine.network.address, folder), { durable: false });
  return file;
}

/** Disks that were made for the guest belong to whom it runs as; volumes stay whose they are. */
async function giveTo(
  env: Env,
  user: TaskUser,
  { folder, machine, task }: { readonly folder: string; readonly machine: Machine; readonly task: TaskStart },
): Promise<void> {
  const made = [folder, `${task.paths.localDir}/.qemu`];
  const paths = [...machine.disks.map(({ path }) => path), machine.firmware?.variables ?? ""];
  for (const path of paths)
    if (made.some((each) => path.startsWith(`${each}/`))) await env.disk.setOwner(path, user.uid, user.gid);
}

/** Waits until QEMU listens, which it does when it has opened everything; an end before that says in its own words why. */
async function letGo(
  { env, processes }: StartDeps,
  { state, wish, before }: { readonly state: ProcessState; readonly wish: Launch; readonly before: number },
): Promise<Result<void, StartFailure>> {
  const { task, folder, machine } = wish;
  const socket = join(folder, RUN_FILES.monitor);
  const over = new AbortController();
  let hasEnded = false;
  void processes.wait(state, over.signal).then(({ kind }) => (hasEnded = kind !== "aborted"));
  try {
    const deadline = env.clock.monotonicMs() + MONITOR_TIMEOUT_MS;
    while (!hasEnded && !task.signal.aborted && env.clock.monotonicMs() < deadline) {
      const there = (await env.disk.stat(socket)) !== undefined;
      const answer = there ? await askMonitor(env, socket, { name: "query-status", timeoutMs: CONNECT_MS }) : undefined;
      if (answer?.ok === true) return await run(env, { socket, machine });
      await sleep(env.clock, LOOK_MS);
    }
  } finally {
    over.abort();
  }
  if (task.signal.aborted) return later(fail("ABORTED", "stopped before the guest had started").error);
  if (!hasEnded) return later(fail("START", `QEMU does not answer after ${MONITOR_TIMEOUT_MS / 1000} s`).error);
  const said = textOf((await env.disk.readAt(task.paths.stderrPath, before, MAX_SAID)) ?? new Uint8Array());
  const why = lastLine(said);
  const problem = fail("START", `QEMU did not start: ${why || "it said nothing"}`).error;
  return MAY_PASS.test(why) ? later(problem) : final(problem);
}

const MAX_SAID = 16_384;
/** What another attempt may find changed. */
const MAY_PASS = /in use|lock|could not set up host forwarding|allocate memory|busy|temporarily|find host usb device/i;

/** A snapshot is good for one return: later it would take the disk back to where it was. */
async function run(
  env: Env,
  { socket, machine }: { readonly socket: string; readonly machine: Machine },
): Promise<Result<void, StartFailure>> {
  if (machine.resume !== "") {
    const dropped = await sayToMonitor(env, socket, { line: `delvm ${machine.resume}` });
    if (!dropped.ok) return later(dropped.error);
  }
  const going = await askMonitor(env, socket, { name: "cont" });
  return going.ok ? succeed(undefined) : later(going.error);
}

function final(error: Failure): { readonly ok: false; readonly error: StartFailure } {
  return { ok: false, error: { ...error, recoverable: false } };
}

function later(error: Failure): { readonly ok: false; readonly error: StartFailure } {
  return { ok: false, error: { ...error, recoverable: true } };
}
