import type { Env } from "#base/env/env.ts";
import { fail, messageOf, succeed } from "#base/env/errors.ts";
import type { Result } from "#base/env/errors.ts";
import type { ExecRequest, ExecSession } from "../driver.ts";
import { readSoft } from "./proc.ts";
import type { ProcessState } from "./processes.ts";

const SIGKILL = 9;

/** A command beside a task, with the task's environment and folder. */
export async function openExec(
  env: Env,
  state: ProcessState | undefined,
  request: ExecRequest,
): Promise<Result<ExecSession>> {
  if (state === undefined) return fail("BAD_HANDLE", "not a handle of a process driver");
  if (request.tty) return fail("UNSUPPORTED", "this driver offers no terminal", "run the command without -t");
  const environ = await readSoft(env.disk, `/proc/${state.pid}/environ`);
  if (environ === undefined) return fail("NOT_RUNNING", "the task's process has ended");
  try {
    const child = await env.exec.spawn(request.command, {
      env: parseEnviron(environ),
      cwd: `/proc/${state.pid}/cwd`,
      stdout: "pipe",
      stderr: "pipe",
      onOutput: request.onOutput,
      detached: false,
    });
    request.signal.addEventListener("abort", () => void env.exec.kill(child.pid, SIGKILL), { once: true });
    return succeed({
      write: (data) => child.write(data),
      endInput: () => child.endInput(),
      resize: () => {},
      exited: child.exited,
    });
  } catch (thrown) {
    return fail("SPAWN", messageOf(thrown));
  }
}

/** proc_pid_environ(5): `NAME=value` entries, each ended by a zero byte. */
export function parseEnviron(text: string): Record<string, string> {
  return Object.fromEntries(
    text.split("\0").flatMap((entry): [string, string][] => {
      const at = entry.indexOf("=");
      return at <= 0 ? [] : [[entry.slice(0, at), entry.slice(at + 1)]];
    }),
  );
}
