import { isAbsolute, join } from "node:path/posix";
import type { Env } from "#base/env/env.ts";
import { fail, succeed, type Result } from "#base/env/errors.ts";
import type { TaskStart } from "../driver.ts";

/** A file of this node that a guest may see. */
export interface HostFile {
  readonly path: string;
  /** False: a guest that writes needs an overlay. */
  readonly isWritable: boolean;
}

/** Where a task's folders and volumes are on the node: the longest prefix wins. */
function placesOf(
  task: TaskStart,
): readonly { readonly seen: string; readonly host: string; readonly isWritable: boolean }[] {
  const { paths } = task;
  return [
    { seen: "/local", host: paths.localDir, isWritable: true },
    { seen: "/secrets", host: paths.secretsDir, isWritable: true },
    { seen: "/alloc", host: paths.allocDir, isWritable: true },
    ...task.mounts.map(({ taskPath, hostPath, readOnly }) => ({
      seen: taskPath,
      host: hostPath,
      isWritable: !readOnly,
    })),
  ].toSorted((a, b) => b.seen.length - a.seen.length);
}

/**
 * A path as a job writes it: relative to the task's folder, below `/local`, `/alloc`, `/secrets` or a volume's destination,
 * or absolute in one of the node's `image_paths`. Links are followed before it is judged. `new`: only its folder must
 * be there. Failures: `NO_SUCH_IMAGE`, `FORBIDDEN`.
 */
export async function hostFile(
  env: Env,
  task: TaskStart,
  wish: { readonly path: string; readonly imagePaths: readonly string[]; readonly kind?: "file" | "new" },
): Promise<Result<HostFile>> {
  const places = placesOf(task);
  const place = places.find(({ seen }) => wish.path === seen || wish.path.startsWith(`${seen}/`));
  const written =
    place === undefined
      ? isAbsolute(wish.path)
        ? wish.path
        : join(task.paths.taskDir, wish.path)
      : join(place.host, wish.path.slice(place.seen.length));
  const path = await realPath(env, written, wish.kind ?? "file");
  if (path === undefined)
    return fail("NO_SUCH_IMAGE", `there is no file ${JSON.stringify(wish.path)} (${written})`, NO_FILE_HINT);
  for (const { host, isWritable } of places)
    if (isBelow(path, await realFolder(env, host))) return succeed({ path, isWritable });
  for (const folder of wish.imagePaths)
    if (isBelow(path, await realFolder(env, folder))) return succeed({ path, isWritable: false });
  return fail(
    "FORBIDDEN",
    `${JSON.stringify(wish.path)} is neither in the task's folders and volumes nor in this node's image_paths`,
    'fetch it with an artifact, mount a volume, or add its folder to image_paths in plugin "qemu"',
  );
}

const NO_FILE_HINT = "paths are relative to the task's folder: an artifact usually lands in local/";

async function realPath(env: Env, path: string, kind: "file" | "new"): Promise<string | undefined> {
  const said = await env.exec.run(["realpath", ...(kind === "new" ? [] : ["-e"]), "--", path]);
  const real = said.code === 0 ? said.stdout.replace(/\n$/, "") : undefined;
  if (real === undefined) return undefined;
  return (await env.disk.stat(real))?.kind === "directory" ? undefined : real;
}

async function realFolder(env: Env, path: string): Promise<string> {
  const said = await env.exec.run(["realpath", "--", path]);
  return said.code === 0 ? said.stdout.replace(/\n$/, "") : path;
}

function isBelow(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith("/") ? folder : `${folder}/`);
}
