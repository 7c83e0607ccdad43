import { dirname, join, normalize } from "node:path/posix";
import type { Disk } from "#base/env/disk.ts";
import { fail, succeed, type Result } from "#base/env/errors.ts";
import type { Fetching } from "./fetching.ts";

/** The absolute path a destination means, below the allocation's folder. */
export function destinationOf(taskDir: string, allocRoot: string, relative: string): Result<string> {
  const path = normalize(join(taskDir, relative)).replace(/\/+$/, "");
  if (path.startsWith(`${allocRoot}/`)) return succeed(path);
  return fail(
    "DESTINATION",
    `${JSON.stringify(relative)} leaves the allocation's folder`,
    "use a path below local/, or ../alloc/",
  );
}

/** Refuses what leads out of a fetched tree, or is neither file, folder nor link. */
export async function inspect({ env, signal }: Fetching, tree: string): Promise<Result<void>> {
  // By words that busybox knows, too.
  const odd = await env.exec.run(["find", tree, "!", "-type", "f", "!", "-type", "d", "-print0"], {
    signal,
    maxOutputBytes: MAX_LINKS_BYTES,
  });
  if (odd.code !== 0 || odd.truncated)
    return fail("INSPECT", "what was fetched cannot be looked through", odd.stderr.trim());
  for (const path of odd.stdout.split("\0").slice(0, -1)) {
    const name = path.slice(tree.length + 1);
    if ((await env.disk.stat(path))?.kind !== "symlink")
      return fail("INSPECT", `${JSON.stringify(name)} is neither a file, a folder nor a link`);
    const target = await env.disk.readLink(path);
    const resolved = normalize(join("/tree", dirname(name), target));
    if (target.startsWith("/") || !(resolved === "/tree" || resolved.startsWith("/tree/"))) {
      return fail("INSPECT", `the link ${JSON.stringify(name)} leads out, to ${JSON.stringify(target)}`);
    }
  }
  return succeed(undefined);
}

const MAX_LINKS_BYTES = 16 * 1024 * 1024;

/** Moves a file or the contents of a folder to where they belong; folders that are there already are added to. */
export async function moveInto(
  disk: Disk,
  from: string,
  { to, allocRoot }: { readonly to: string; readonly allocRoot: string },
): Promise<Result<void>> {
  const safe = await makeWay(disk, dirname(to), allocRoot);
  if (!safe.ok) return safe;
  await merge(disk, from, to);
  return succeed(undefined);
}

/** Makes the folders above a destination; a link among them is a task's doing, and not followed. */
async function makeWay(disk: Disk, folder: string, allocRoot: string): Promise<Result<void>> {
  const names = folder
    .slice(allocRoot.length + 1)
    .split("/")
    .filter((name) => name !== "");
  let path = allocRoot;
  for (const name of names) {
    path = `${path}/${name}`;
    const stat = await disk.stat(path);
    if (stat === undefined) await disk.makeDir(path, { durable: false });
    else if (stat.kind !== "directory") return fail("DESTINATION", `${path} is in the way: it is no folder`);
  }
  return succeed(undefined);
}

async function merge(disk: Disk, from: string, to: string): Promise<void> {
  const [source, target] = [await disk.stat(from), await disk.stat(to)];
  if (source?.kind === "directory" && target?.kind === "directory") {
    for (const name of await disk.list(from)) await merge(disk, `${from}/${name}`, `${to}/${name}`);
    return;
  }
  if (target !== undefined) await disk.remove(to);
  await disk.rename(from, to);
}
