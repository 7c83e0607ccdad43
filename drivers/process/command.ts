import { isAbsolute, join } from "node:path/posix";
import type { Env } from "#base/env/env.ts";
import type { StartFailure } from "../driver.ts";

const EXECUTABLE = 0o111;

/** Why `command` could not be run from `cwd`, or undefined when it can: better said now than as exit code 127 later. */
export async function commandProblem(
  env: Env,
  command: string,
  where: { readonly cwd: string; readonly path: string },
): Promise<StartFailure | undefined> {
  const candidates = command.includes("/")
    ? [isAbsolute(command) ? command : join(where.cwd, command)]
    : where.path.split(":").map((folder) => join(folder === "" ? where.cwd : folder, command));
  let denied = "";
  for (const candidate of candidates) {
    const stat = await env.disk.stat(candidate).catch(() => undefined);
    if (stat === undefined || stat.kind === "directory") continue;
    if (stat.kind === "symlink" || (stat.mode & EXECUTABLE) !== 0) return undefined;
    denied = candidate;
  }
  if (denied !== "") {
    return {
      code: "NOT_EXECUTABLE",
      message: `${denied} is not executable`,
      hint: `chmod +x ${denied}`,
      recoverable: false,
    };
  }
  const looked = command.includes("/") ? (candidates[0] ?? command) : `PATH (${where.path})`;
  return {
    code: "NO_SUCH_PROGRAM",
    message: `cannot run ${JSON.stringify(command)}: not found in ${looked}`,
    hint: "give an absolute path, one relative to the task's folder, or install the program on this node",
    recoverable: false,
  };
}
