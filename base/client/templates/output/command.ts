import { sleep, type Clock } from "#base/env/clock.ts";
import { messageOf } from "#base/env/errors.ts";
import type { Env } from "#base/env/env.ts";
import type { Child, OutputTarget } from "#base/env/exec.ts";

export interface CommandOptions {
  /** One text of several words goes through `sh -c`; anything else is program and arguments. */
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly output: { readonly stdout: OutputTarget; readonly stderr: OutputTarget };
  /** Killed after this long; 0: it is not waited for. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

const SIGKILL = 9;

/** What a command means as program and arguments. */
export function argvOf(command: readonly string[]): readonly string[] {
  const [only = ""] = command;
  return command.length === 1 && /\s/.test(only.trim()) ? ["/bin/sh", "-c", only] : command;
}

/** Runs to the end with everything it started. Undefined when it ended well, else what went wrong. */
export async function runCommand(env: Env, options: CommandOptions): Promise<string | undefined> {
  const { command, timeoutMs, output, signal } = options;
  const shown = JSON.stringify(command.join(" "));
  let child: Child;
  try {
    child = await env.exec.spawn(argvOf(command), { env: options.env, ...output, detached: true });
  } catch (thrown) {
    return `the command ${shown} cannot be started: ${messageOf(thrown)}`;
  }
  if (timeoutMs === 0) return undefined;
  const exit = await Promise.race([child.exited, pauseOver(env.clock, timeoutMs, signal)]);
  if (exit === undefined) {
    endGroup(env, child.pid);
    await child.exited;
    return signal.aborted
      ? `the command ${shown} was ended with the rest`
      : `the command ${shown} took longer than ${timeoutMs / 1000} s and was killed`;
  }
  if (exit.signal !== 0) return `the command ${shown} was ended by signal ${exit.signal}`;
  return exit.code === 0 ? undefined : `the command ${shown} ended with exit code ${exit.code}`;
}

async function pauseOver(clock: Clock, timeoutMs: number, signal: AbortSignal): Promise<undefined> {
  await sleep(clock, timeoutMs, signal);
  return undefined;
}

/** The command may have started others. */
function endGroup({ exec }: Env, pid: number): void {
  if (!exec.kill(-pid, SIGKILL)) exec.kill(pid, SIGKILL);
}
