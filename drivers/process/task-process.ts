import { join } from "node:path/posix";
import { fail, succeed } from "#base/env/errors.ts";
import type { Driver, TaskHandle, TaskStart } from "../driver.ts";
import { processStateOf } from "./processes.ts";
import type { Processes } from "./processes.ts";

export const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** The part of the contract that is the same for every driver whose tasks are {@link Processes}. */
export function processLife(
  processes: Processes,
): Pick<Driver, "recover" | "wait" | "stop" | "destroy" | "signal" | "stats"> {
  return {
    async recover(handle) {
      const state = processStateOf(handle);
      if (state === undefined) return badHandle(handle);
      if (await processes.known(state)) return succeed(handle);
      return fail("GONE", `the process ${state.pid} of task ${handle.taskId} is gone and left no exit code`);
    },
    async wait(handle, signal) {
      const state = processStateOf(handle);
      return state === undefined
        ? { kind: "lost", message: badHandle(handle).error.message }
        : processes.wait(state, signal);
    },
    async stop(handle, stop) {
      const state = processStateOf(handle);
      if (state !== undefined) await processes.stop(state, stop);
    },
    async destroy(handle) {
      const state = processStateOf(handle);
      if (state !== undefined) await processes.destroy(state);
    },
    async signal(handle, signalName) {
      const state = processStateOf(handle);
      return state === undefined ? badHandle(handle) : processes.signal(state, signalName);
    },
    async stats(handle) {
      const state = processStateOf(handle);
      return state === undefined ? badHandle(handle) : succeed(await processes.stats(state));
    },
  };
}

export function exitPathOf(task: TaskStart): string {
  return join(task.paths.taskDir, `.exit-${task.id.slice(task.id.lastIndexOf("/") + 1)}`);
}

function badHandle(handle: TaskHandle): ReturnType<typeof fail> {
  return fail("BAD_HANDLE", `task ${handle.taskId}: not a handle of a process driver`);
}
