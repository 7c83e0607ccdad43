import { join, normalize } from "node:path/posix";
import type { Env } from "#base/env/env.ts";
import type { FileStat } from "#base/env/disk.ts";
import { HttpError } from "#base/http/http-error.ts";
import type { AllocRunner } from "../alloc/alloc-runner.ts";

export interface AllocFile {
  readonly path: string;
  readonly stat: FileStat;
}

/**
 * A path below an allocation's folder, as its users give it. Refuses to leave the folder, by `..` or through a link a task
 * made, and to show a task's secrets.
 */
export async function resolveInAlloc(env: Env, runner: AllocRunner, given: string): Promise<AllocFile> {
  const relative = normalize(`/${given}`).slice(1);
  const parts = relative.split("/").filter((part) => part !== "");
  if (parts[1] === "secrets" && runner.tasks.has(parts[0] ?? "")) {
    throw new HttpError(403, `Reading secret file prohibited: ${JSON.stringify(given)}`);
  }
  let path = runner.dir.root;
  let stat = await env.disk.stat(path);
  for (const part of parts) {
    if (stat?.kind === "symlink") break;
    path = join(path, part);
    stat = await env.disk.stat(path);
    if (stat === undefined) break;
  }
  if (stat === undefined) throw new HttpError(404, `file ${JSON.stringify(given)} does not exist in this allocation`);
  if (stat.kind === "symlink")
    throw new HttpError(403, `${JSON.stringify(given)} leads over a link, which is not followed here`);
  return { path, stat };
}
