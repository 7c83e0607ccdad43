import * as v from "valibot";
import { textOf } from "#base/env/bytes.ts";
import type { Env } from "#base/env/env.ts";
import { CodedError, fail, messageOf, succeed, type Result } from "#base/env/errors.ts";
import type { ExecRequest, ExecSession } from "../driver.ts";
import { Runc } from "./runc.ts";
import { COMMAND_FILE, type ContainerState } from "./start-container.ts";

const SIGKILL = 9;
const ProcessSchema = v.looseObject({ env: v.array(v.string()) });
const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** A command in a running container, as its task's user and with its environment. */
export async function execInContainer(
  env: Env,
  { state, request }: { readonly state: ContainerState; readonly request: ExecRequest },
): Promise<Result<ExecSession>> {
  const stored = await env.disk.read(`${state.bundle}/${COMMAND_FILE}`).catch(() => undefined);
  if (stored === undefined) return fail("NOT_RUNNING", "the task's container is gone");
  const process = v.parse(ProcessSchema, JSON.parse(textOf(stored)));
  const file = `${state.bundle}/command-${env.random.uuid().slice(0, 8)}.json`;
  const terminal = request.tty ? { terminal: true, env: [...process.env, "TERM=xterm"] } : {};
  await env.disk.replace(file, JSON.stringify({ ...process, ...terminal, args: request.command }), { mode: 0o600 });
  try {
    const session = await open(
      env,
      new Runc(env, state.runcRoot).execCommand(state.containerId, file, request.tty),
      request,
    );
    const kill = (): void => {
      try {
        env.exec.kill(-session.pid, SIGKILL);
      } catch {
        // It has ended.
      }
    };
    if (request.signal.aborted) kill();
    request.signal.addEventListener("abort", kill, { once: true });
    void session.exited.then(() => env.disk.remove(file));
    return succeed(session);
  } catch (thrown) {
    await env.disk.remove(file);
    return thrown instanceof CodedError
      ? fail(thrown.code, thrown.message, thrown.hint)
      : fail("EXEC", messageOf(thrown));
  }
}

async function open(
  env: Env,
  argv: readonly string[],
  request: ExecRequest,
): Promise<ExecSession & { readonly pid: number }> {
  if (request.tty) {
    return env.exec.spawnTerminal(argv, { env: { PATH }, onOutput: (data) => request.onOutput("stdout", data) });
  }
  const child = await env.exec.spawn(argv, {
    env: { PATH },
    stdin: "pipe",
    stdout: "pipe",
    stderr: "pipe",
    onOutput: request.onOutput,
    detached: true,
  });
  return { ...child, resize: () => {} };
}
