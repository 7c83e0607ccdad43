import * as v from "valibot";
import { textOf } from "#base/env/bytes.ts";
import type { Env } from "#base/env/env.ts";
import { fail, type Result } from "#base/env/errors.ts";
import type { ExecRequest, ExecSession } from "../driver.ts";
import { openCommand } from "../process/command-session.ts";
import { DEFAULT_PATH } from "../process/task-process.ts";
import { Runc } from "./runc.ts";
import { COMMAND_FILE, type ContainerState } from "./start-container.ts";

const ProcessSchema = v.looseObject({ env: v.array(v.string()) });

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
  const argv = new Runc(env, state.runcRoot).execCommand(state.containerId, file, request.tty);
  const opened = await openCommand(env, argv, { env: { PATH: DEFAULT_PATH }, request });
  if (opened.ok) void opened.value.exited.then(() => env.disk.remove(file));
  else await env.disk.remove(file);
  return opened;
}
