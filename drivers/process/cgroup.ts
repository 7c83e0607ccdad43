import { createHash } from "node:crypto";
import { basename, dirname } from "node:path/posix";
import type { Env } from "#base/env/env.ts";
import { pidsIn, readSoft } from "./proc.ts";

const ROOT = "/sys/fs/cgroup";

/** Folder under which tasks get their cgroups: the unified hierarchy, else version 1's freezer, else none. */
export async function cgroupBase(env: Env): Promise<string> {
  if ((await env.disk.stat(`${ROOT}/cgroup.controllers`)) !== undefined) return `${ROOT}/lares`;
  if ((await env.disk.stat(`${ROOT}/freezer/cgroup.procs`)) !== undefined) return `${ROOT}/freezer/lares`;
  return "";
}

/** `<base>/<agent>/<alloc>.<task>.<attempt>`; the agent's part comes from its allocation root, so two agents on one machine never meet. */
export function cgroupOf(base: string, allocsRoot: string, taskId: string): string {
  return base === "" ? "" : `${ownerFolder(base, allocsRoot)}/${cgroupName(taskId)}`;
}

/** From `<root>/<alloc id>/alloc`. */
export function allocsRootOf(allocDir: string): string {
  return dirname(dirname(allocDir));
}

/** Who is in it; empty when it is gone or never was. */
export async function cgroupPids(env: Env, cgroup: string): Promise<readonly number[]> {
  if (cgroup === "") return [];
  return pidsIn((await readSoft(env.disk, `${cgroup}/cgroup.procs`)) ?? "");
}

export async function removeCgroup(env: Env, cgroup: string): Promise<void> {
  if (cgroup === "" || (await env.disk.stat(cgroup)) === undefined) return;
  // The agent's own folders go with their last task; as long as they hold another, the kernel refuses.
  const owner = dirname(cgroup);
  await env.exec.run(["rmdir", cgroup, owner, dirname(owner)]);
}

/** Takes away the folder above this agent's cgroups, unless tasks run on in it. */
export async function removeOwnerCgroup(env: Env, base: string, allocsRoot: string): Promise<void> {
  if (base !== "" && allocsRoot !== "") await removeCgroup(env, ownerFolder(base, allocsRoot));
}

/** Takes away this agent's folders in every controller of version 1, as far as nothing runs in them. */
export async function removeOwnerInAll(env: Env, allocsRoot: string): Promise<void> {
  if (allocsRoot === "" || (await cgroupBase(env)) === `${ROOT}/lares`) return;
  const folders = (await env.disk.list(ROOT)).map((controller) => `${ROOT}/${controller}/lares`);
  await env.exec.run(["rmdir", ...folders.flatMap((base) => [ownerFolder(base, allocsRoot), base])]);
}

/** Cgroups of this agent whose tasks are not in `keep`. */
export async function strayCgroups(
  env: Env,
  sweep: { base: string; allocsRoot: string; keep: ReadonlySet<string> },
): Promise<readonly string[]> {
  if (sweep.base === "") return [];
  const folder = ownerFolder(sweep.base, sweep.allocsRoot);
  const keep = new Set([...sweep.keep].map(cgroupName));
  const found: string[] = [];
  for (const name of await env.disk.list(folder)) {
    // Most are: with a thousand tasks, looking at each would take long.
    if (keep.has(basename(name))) continue;
    if ((await env.disk.stat(`${folder}/${name}`))?.kind === "directory") found.push(`${folder}/${name}`);
  }
  return found;
}

function ownerFolder(base: string, allocsRoot: string): string {
  return `${base}/${ownerName(allocsRoot)}`;
}

/** Tells agents on one machine apart, by the folder of their allocations. */
export function ownerName(allocsRoot: string): string {
  return createHash("sha256").update(allocsRoot).digest("hex").slice(0, 12);
}

/** A task's id as one segment of a path. */
export function cgroupName(taskId: string): string {
  return taskId.replaceAll(/[^A-Za-z0-9_.-]/g, ".");
}
