import { sleep } from "#base/env/clock.ts";
import type { Env } from "#base/env/env.ts";
import { utf8 } from "#base/env/bytes.ts";
import { fail, succeed } from "#base/env/errors.ts";
import type { Result } from "#base/env/errors.ts";
import { checkConfig, readConfig } from "../config-shape.ts";
import type { ConfigShape } from "../config-shape.ts";
import type { Driver, StartFailure, StopOptions, TaskExit, TaskHandle, TaskStart } from "../driver.ts";
import { readMockState } from "./mock-state.ts";
import type { MockState } from "./mock-state.ts";

const SHAPE: ConfigShape = {
  run_for: { kind: "duration" },
  exit_code: { kind: "number" },
  exit_signal: { kind: "number" },
  exit_err_msg: { kind: "text" },
  start_error: { kind: "text" },
  start_error_recoverable: { kind: "flag" },
  start_block_for: { kind: "duration" },
  kill_after: { kind: "duration" },
  signal_error: { kind: "text" },
  stdout_string: { kind: "text" },
  stdout_repeat: { kind: "number" },
  stdout_repeat_duration: { kind: "duration" },
  stderr_string: { kind: "text" },
};

const VERSION = 1;

/**
 * Tasks that are nothing but a clock: for tests, simulation and load. A task's whole fate is in its handle, so it
 * "runs on" while no agent looks at it. Costs one timer per waited task.
 */
export function createMockDriver(env: Env): Driver {
  /** Tasks that somebody waits for: what `stop` ends before their time. */
  const waited = new Map<string, (exit: TaskExit) => void>();
  /** When and how tasks were stopped that nobody waited for at that time. */
  const stopped = new Map<string, TaskExit>();

  return {
    name: "mock_driver",
    capabilities: {
      sendSignals: true,
      exec: false,
      fsIsolation: "none",
      networkModes: ["host", "bridge", "none"],
      logs: "files",
    },
    fingerprint: () =>
      Promise.resolve({
        Attributes: { "driver.mock_driver": "1" },
        Detected: true,
        Healthy: true,
        HealthDescription: "Healthy",
        UpdateTime: "",
      }),
    validate: (config) => checkConfig("mock_driver", SHAPE, config),
    start: (task) => startMock(env, task),
    recover: (handle) =>
      Promise.resolve(
        readMockState(handle) === undefined
          ? fail("BAD_HANDLE", `task ${handle.taskId}: not a handle of the mock driver`)
          : succeed(handle),
      ),
    wait: (handle, signal) => waitMock({ env, handle, signal, waited, stopped }),
    stop: async (handle, options) => stopMock({ env, handle, options, waited, stopped }),
    destroy(handle) {
      stopped.delete(handle.taskId);
      return Promise.resolve();
    },
    signal(handle, signalName) {
      const error = readMockState(handle)?.signalError ?? "";
      return Promise.resolve(error === "" ? succeed(undefined) : fail("SIGNAL", `${signalName}: ${error}`));
    },
    stats: () =>
      Promise.resolve(
        succeed({
          timestampNs: Math.round(env.clock.nowMs() * 1e6),
          memoryRssBytes: 0,
          memoryUsageBytes: 0,
          cpuPercent: 0,
          cpuTotalTicks: 0,
          pids: 0,
        }),
      ),
    exec: () => Promise.resolve(fail("UNSUPPORTED", "the mock driver runs no commands")),
  };
}

async function startMock(env: Env, task: TaskStart): Promise<Result<TaskHandle, StartFailure>> {
  const config = readConfig(task.config);
  const block = config.durationMs("start_block_for") ?? 0;
  if (block > 0) await sleep(env.clock, block, task.signal);
  if (task.signal.aborted)
    return { ok: false, error: { code: "ABORTED", message: "stopped while starting", recoverable: true } };
  const startError = config.text("start_error");
  if (startError !== "") {
    const recoverable = config.flag("start_error_recoverable", false);
    return { ok: false, error: { code: "START", message: startError, recoverable } };
  }
  await write(
    env,
    task.paths.stdoutPath,
    config.text("stdout_string").repeat(1 + (config.number("stdout_repeat") ?? 0)),
  );
  await write(env, task.paths.stderrPath, config.text("stderr_string"));
  const now = env.clock.nowMs();
  const state: MockState = {
    endsAtMs: now + (config.durationMs("run_for") ?? 0),
    exitCode: config.number("exit_code") ?? 0,
    exitSignal: config.number("exit_signal") ?? 0,
    exitMessage: config.text("exit_err_msg"),
    killAfterMs: config.durationMs("kill_after") ?? 0,
    signalError: config.text("signal_error"),
  };
  return succeed({ driver: "mock_driver", version: VERSION, taskId: task.id, state: { ...state } });
}

async function write(env: Env, path: string, text: string): Promise<void> {
  if (text === "") return;
  const file = await env.disk.openAppend(path);
  await file.append(utf8(text));
  await file.close();
}

interface Waiting {
  readonly env: Env;
  readonly handle: TaskHandle;
  readonly waited: Map<string, (exit: TaskExit) => void>;
  readonly stopped: Map<string, TaskExit>;
}

function waitMock(request: Waiting & { readonly signal: AbortSignal }): Promise<TaskExit> {
  const { env, handle, signal, waited, stopped } = request;
  const state = readMockState(handle);
  if (state === undefined) return Promise.resolve({ kind: "lost", message: "not a handle of the mock driver" });
  const early = stopped.get(handle.taskId);
  if (early !== undefined) return Promise.resolve(early);
  if (signal.aborted) return Promise.resolve({ kind: "aborted" });
  return new Promise((resolve) => {
    const end = (exit: TaskExit): void => {
      timer.cancel();
      signal.removeEventListener("abort", abort);
      if (waited.get(handle.taskId) === end) waited.delete(handle.taskId);
      resolve(exit);
    };
    const abort = (): void => end({ kind: "aborted" });
    const timer = env.clock.after(state.endsAtMs - env.clock.nowMs(), () => end(naturalExit(state)));
    signal.addEventListener("abort", abort, { once: true });
    waited.set(handle.taskId, end);
  });
}

async function stopMock(request: Waiting & { readonly options: StopOptions }): Promise<void> {
  const { env, handle, options, waited, stopped } = request;
  const state = readMockState(handle);
  if (state === undefined || stopped.has(handle.taskId)) return;
  const now = env.clock.nowMs();
  if (state.endsAtMs <= now) return;
  const killed = state.killAfterMs > options.killTimeoutMs;
  await sleep(env.clock, Math.min(state.killAfterMs, options.killTimeoutMs, state.endsAtMs - now));
  const exit: TaskExit = {
    kind: "exited",
    code: killed ? 137 : state.exitCode,
    signal: killed ? 9 : state.exitSignal,
    oomKilled: false,
    message: "",
  };
  stopped.set(handle.taskId, exit);
  waited.get(handle.taskId)?.(exit);
}

function naturalExit(state: MockState): TaskExit {
  return {
    kind: "exited",
    code: state.exitCode,
    signal: state.exitSignal,
    oomKilled: false,
    message: state.exitMessage,
  };
}
