import * as v from "valibot";
import { sleep } from "#base/env/clock.ts";
import type { Env } from "#base/env/env.ts";
import { fail, messageOf, succeed } from "#base/env/errors.ts";
import type { Result } from "#base/env/errors.ts";
import type { Exit } from "#base/env/exec.ts";
import type { StartFailure, StopOptions, TaskExit, TaskHandle, TaskStats } from "../driver.ts";
import { cgroupPids, removeCgroup } from "./cgroup.ts";
import { createExitWatch, isAlive } from "./exit-watch.ts";
import { childrenOf, readProcStat, readSoft } from "./proc.ts";
import { signalNumber, unknownSignal } from "./signals.ts";
import { createUsage } from "./usage.ts";
import { parseExitFile, signalOfCode, wrap } from "./wrapper.ts";

/** What is stored of a running process; `exitPath` is the wrapper's file. */
export const ProcessStateSchema = v.object({
  pid: v.number(),
  startTicks: v.number(),
  exitPath: v.string(),
  cgroup: v.string(),
});
export type ProcessState = v.InferOutput<typeof ProcessStateSchema>;

export interface ProcessStart {
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly stdoutPath: string;
  readonly stderrPath: string;
  readonly exitPath: string;
  /** Empty: none. */
  readonly cgroup: string;
}

/** Processes that outlive the agent. Every method takes the stored state, so it works after a restart as before. */
export interface Processes {
  start(request: ProcessStart): Promise<Result<ProcessState, StartFailure>>;
  /** True while it runs or its end is on record. */
  known(state: ProcessState): Promise<boolean>;
  wait(state: ProcessState, signal: AbortSignal): Promise<TaskExit>;
  stop(state: ProcessState, options: StopOptions): Promise<void>;
  destroy(state: ProcessState): Promise<void>;
  signal(state: ProcessState, signalName: string): Promise<Result<void>>;
  stats(state: ProcessState): Promise<TaskStats>;
  /** Kills everything in a cgroup and removes it. */
  purge(cgroup: string): Promise<void>;
  close(): void;
}

const SIGKILL = 9;
const DEFAULT_KILL_SIGNAL = "SIGINT";
/** How long the wrapper may take to write down that its task was killed. */
const RECORD_GRACE_MS = 2000;
const CHILD_LOOKS = 20;
const CHILD_LOOK_MS = 10;
const KILL_ROUNDS = 50;
const KILL_PAUSE_MS = 20;

export function processStateOf(handle: TaskHandle): ProcessState | undefined {
  const parsed = v.safeParse(ProcessStateSchema, handle.state);
  return parsed.success ? parsed.output : undefined;
}

export function createProcesses(env: Env): Processes {
  /** Exits of processes this very program started. */
  const own = new Map<string, Promise<Exit>>();
  /** Of an agent before, and just found to live: whoever waits for them next need not look again. */
  const found = new Set<string>();
  const watch = createExitWatch(env);
  const usage = createUsage(env);

  const ended = async (state: ProcessState, signal: AbortSignal): Promise<boolean> => {
    const mine = own.get(state.exitPath);
    if (mine === undefined)
      return (!found.delete(state.exitPath) && !(await isAlive(env, state))) || watch.ended(state, signal);
    return (await untilAborted(mine, signal)) !== undefined;
  };

  const purge = async (cgroup: string): Promise<void> => {
    for (let round = 0; round < KILL_ROUNDS; round++) {
      const pids = await cgroupPids(env, cgroup);
      if (pids.length === 0) break;
      for (const pid of pids) killSoft(env, pid, SIGKILL);
      await sleep(env.clock, KILL_PAUSE_MS);
    }
    await removeCgroup(env, cgroup);
  };

  return {
    start: (request) => start(env, own, request),
    async known(state) {
      if (!(await isAlive(env, state))) return (await recordedExit(env, state)) !== undefined;
      found.add(state.exitPath);
      return true;
    },
    async wait(state, signal) {
      if (!(await ended(state, signal))) return { kind: "aborted" };
      return exitOf(await recordedExit(env, state), await own.get(state.exitPath));
    },
    async stop(state, options) {
      const over = new AbortController();
      const end = ended(state, over.signal);
      await signalTask(env, state, signalNumber(options.killSignal) ?? signalNumber(DEFAULT_KILL_SIGNAL) ?? SIGKILL);
      if (!(await within(env, end, options.killTimeoutMs))) await forceEnd(env, state, end);
      over.abort();
      await purge(state.cgroup);
    },
    async destroy(state) {
      if (await isAlive(env, state)) killSoft(env, -state.pid, SIGKILL);
      await purge(state.cgroup);
      await env.disk.remove(state.exitPath);
      own.delete(state.exitPath);
      found.delete(state.exitPath);
      usage.forget(state.pid);
    },
    async signal(state, signalName) {
      const number = signalNumber(signalName);
      if (number === undefined) return unknownSignal(signalName);
      return (await signalTask(env, state, number))
        ? succeed(undefined)
        : fail("NOT_RUNNING", "the task's process has ended");
    },
    stats: (state) => usage.measure(state),
    purge,
    close: () => watch.close(),
  };
}

async function start(
  env: Env,
  own: Map<string, Promise<Exit>>,
  request: ProcessStart,
): Promise<Result<ProcessState, StartFailure>> {
  try {
    const child = await env.exec.spawn(wrap(request.argv, request), {
      env: request.env,
      cwd: request.cwd,
      stdout: { appendTo: request.stdoutPath },
      stderr: { appendTo: request.stderrPath },
      detached: true,
    });
    own.set(request.exitPath, child.exited);
    const startTicks = (await readProcStat(env.disk, child.pid))?.startTicks ?? 0;
    return succeed({ pid: child.pid, startTicks, exitPath: request.exitPath, cgroup: request.cgroup });
  } catch (thrown) {
    return { ok: false, error: { code: "SPAWN", message: messageOf(thrown), recoverable: true } };
  }
}

async function recordedExit(env: Env, state: ProcessState): Promise<number | undefined> {
  const text = await readSoft(env.disk, state.exitPath);
  return text === undefined ? undefined : parseExitFile(text);
}

function exitOf(recorded: number | undefined, own: Exit | undefined): TaskExit {
  if (recorded !== undefined) {
    return { kind: "exited", code: recorded, signal: signalOfCode(recorded), oomKilled: false, message: "" };
  }
  if (own === undefined)
    return {
      kind: "lost",
      message: "the process is gone and left no exit code (the machine was restarted, or its wrapper was killed)",
    };
  const code = own.signal === 0 ? own.code : 128 + own.signal;
  return { kind: "exited", code, signal: own.signal, oomKilled: false, message: "" };
}

/** The wrapper's child is the task; where the kernel does not name it, the whole group gets the signal. */
async function signalTask(env: Env, state: ProcessState, signal: number): Promise<boolean> {
  for (let look = 0; await isAlive(env, state); look++) {
    const children = await startedChildren(env, state);
    if (children?.map((pid) => killSoft(env, pid, signal)).includes(true) === true) return true;
    if (children === undefined || look >= CHILD_LOOKS) return killSoft(env, -state.pid, signal);
    // The wrapper has just started, or its task has just ended.
    await sleep(env.clock, CHILD_LOOK_MS);
  }
  return false;
}

/**
 * Without a child that is still the wrapper's copy (a signal it notes is lost when it becomes the task), or that makes the
 * task's cgroup.
 */
async function startedChildren(env: Env, { pid, cgroup }: ProcessState): Promise<readonly number[] | undefined> {
  const children = await childrenOf(env.disk, pid);
  if (children === undefined || children.length === 0) return children;
  const wrapper = await readSoft(env.disk, `/proc/${pid}/cmdline`);
  const lines = await Promise.all(children.map((child) => readSoft(env.disk, `/proc/${child}/cmdline`)));
  const making = ["mkdir", "-p", cgroup, ""].join("\0");
  return children.filter((_, index) => lines[index] !== wrapper && lines[index] !== making);
}

/** Kills all but the wrapper, so that it can write down how its task ended; then the wrapper, too. */
async function forceEnd(env: Env, state: ProcessState, end: Promise<boolean>): Promise<void> {
  const pids = new Set([...(await cgroupPids(env, state.cgroup)), ...((await childrenOf(env.disk, state.pid)) ?? [])]);
  pids.delete(state.pid);
  for (const pid of pids) killSoft(env, pid, SIGKILL);
  if (pids.size > 0 && (await within(env, end, RECORD_GRACE_MS))) return;
  if (await isAlive(env, state)) killSoft(env, -state.pid, SIGKILL);
  if ((await recordedExit(env, state)) === undefined) await env.disk.replace(state.exitPath, `${128 + SIGKILL}\n`);
  await end;
}

function killSoft(env: Env, pid: number, signal: number): boolean {
  try {
    return env.exec.kill(pid, signal);
  } catch {
    return false;
  }
}

async function within(env: Env, end: Promise<boolean>, timeoutMs: number): Promise<boolean> {
  const done = new AbortController();
  const result = await Promise.race([end, sleep(env.clock, timeoutMs, done.signal).then(() => false)]);
  done.abort();
  return result;
}

function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  if (signal.aborted) return Promise.resolve(undefined);
  return new Promise((resolve) => {
    const abort = (): void => resolve(undefined);
    signal.addEventListener("abort", abort, { once: true });
    void promise.then((value) => {
      signal.removeEventListener("abort", abort);
      resolve(value);
    });
  });
}
