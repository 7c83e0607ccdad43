import type { Env } from "#base/env/env.ts";
import { fail } from "#base/env/errors.ts";
import type { Result } from "#base/env/errors.ts";
import type { ExecRequest, ExecSession } from "../driver.ts";
import { openCommand } from "./command-session.ts";
import { childrenOf, readSoft } from "./proc.ts";
import type { ProcessState } from "./processes.ts";

/** What programs expect of a terminal when nobody says which it is. */
const DEFAULT_TERM = "xterm";

/**
 * Joins the task's cgroup, so that the task's end is its end, too, and its network, where that is another. Arguments: cgroup
 * folder or empty, process of the task or empty, then the argv.
 */
const ENTER = `cgroup=$1
network=/proc/$2/ns/net
shift 2
if [ -n "$cgroup" ]; then echo $$ >"$cgroup/cgroup.procs"; fi 2>/dev/null
if [ ! -e "$network" ] || [ "$network" -ef /proc/self/ns/net ]; then exec "$@"; fi
exec nsenter --net="$network" -- "$@"`;

/** A command beside a task: with its environment, folder, network, user and cgroup. */
export async function openExec(
  env: Env,
  state: ProcessState | undefined,
  request: ExecRequest,
): Promise<Result<ExecSession>> {
  if (state === undefined) return fail("BAD_HANDLE", "not a handle of a process driver");
  const environ = await readSoft(env.disk, `/proc/${state.pid}/environ`);
  if (environ === undefined) return fail("NOT_RUNNING", "the task's process has ended");
  const [task] = (await childrenOf(env.disk, state.pid)) ?? [];
  const argv = [
    "/bin/sh",
    "-c",
    ENTER,
    "lares-exec",
    state.cgroup,
    String(task ?? ""),
    ...(await asUserOf(env, task)),
    ...request.command,
  ];
  return openCommand(env, argv, {
    env: { ...(request.tty ? { TERM: DEFAULT_TERM } : {}), ...parseEnviron(environ) },
    cwd: `/proc/${state.pid}/cwd`,
    request,
  });
}

/** What stands before a command for it to run as the user the task runs as; nothing where that is the agent's own. */
async function asUserOf(env: Env, task: number | undefined): Promise<readonly string[]> {
  const status = task === undefined ? undefined : await readSoft(env.disk, `/proc/${task}/status`);
  // proc_pid_status(5): real, effective, saved and file system ids.
  const uid = /^Uid:\s*\d+\s+(\d+)/m.exec(status ?? "")?.[1];
  const gid = /^Gid:\s*\d+\s+(\d+)/m.exec(status ?? "")?.[1];
  if (uid === undefined || gid === undefined || uid === "0") return [];
  const groups =
    /^Groups:\s*([\d ]*?)\s*$/m
      .exec(status ?? "")?.[1]
      ?.split(/\s+/)
      .filter((id) => id !== "") ?? [];
  const supplementary = groups.length === 0 ? "--clear-groups" : `--groups=${groups.join(",")}`;
  return ["setpriv", `--reuid=${uid}`, `--regid=${gid}`, supplementary, "--"];
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
