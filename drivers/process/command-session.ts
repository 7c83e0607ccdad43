import type { Env } from "#base/env/env.ts";
import { CodedError, fail, messageOf, succeed, type Result } from "#base/env/errors.ts";
import type { ExecRequest, ExecSession } from "../driver.ts";

const SIGKILL = 9;

export interface CommandSurroundings {
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

/** Runs a program for a person or a tool: in pipes, or in a terminal of its own. Aborting the request ends its process group. */
export async function openCommand(
  env: Env,
  argv: readonly string[],
  { request, ...around }: CommandSurroundings & { readonly request: ExecRequest },
): Promise<Result<ExecSession>> {
  try {
    const session = request.tty
      ? await env.exec.spawnTerminal(argv, { ...around, onOutput: (data) => request.onOutput("stdout", data) })
      : await inPipes(env, argv, { ...around, request });
    const kill = (): void => killGroup(env, session.pid);
    if (request.signal.aborted) kill();
    request.signal.addEventListener("abort", kill, { once: true });
    return succeed(session);
  } catch (thrown) {
    return thrown instanceof CodedError
      ? fail(thrown.code, thrown.message, thrown.hint)
      : fail("SPAWN", messageOf(thrown));
  }
}

async function inPipes(
  env: Env,
  argv: readonly string[],
  { request, ...around }: CommandSurroundings & { readonly request: ExecRequest },
): Promise<ExecSession & { readonly pid: number }> {
  const child = await env.exec.spawn(argv, {
    ...around,
    stdin: "pipe",
    stdout: "pipe",
    stderr: "pipe",
    onOutput: request.onOutput,
    detached: true,
  });
  return { ...child, resize: () => {} };
}

function killGroup(env: Env, pid: number): void {
  try {
    env.exec.kill(-pid, SIGKILL);
  } catch {
    // It has ended, or become somebody else's.
  }
}
