import { dirname } from "node:path/posix";
import type { Env } from "#base/env/env.ts";
import { strayCgroups } from "./cgroup.ts";

/** What a task may use, for drivers whose program does not make a container itself. */
export interface Limits {
  /** Its weight beside others when the processor is busy; 0: the kernel's. */
  readonly cpuShares: number;
  /** 0: no limit. */
  readonly memoryBytes: number;
}

const ROOT = "/sys/fs/cgroup";
const FREEZER = `${ROOT}/freezer/`;
/** Controllers that version 1 keeps in hierarchies of their own. */
const SPLIT = ["cpu", "memory"] as const;

/**
 * Writes settings, enters control groups, and becomes the program. Arguments: pairs of file and value up to `--`, folders
 * up to `--`, then the program's argv.
 */
const SCRIPT = `set_limit() {
  # A folder above may go with its last task just now.
  for try in 1 2 3; do { mkdir -p "\${1%/*}" && echo "$2" >"$1"; } 2>/dev/null && return; done
  echo "cannot write $2 to $1: it runs without this limit" >&2
}
while [ "$1" != -- ]; do set_limit "$1" "$2"; shift 2; done
shift
while [ "$1" != -- ]; do echo $$ 2>/dev/null >"$1/cgroup.procs"; shift; done
shift
exec "$@"`;

/** A command line that runs `argv` within limits; `cgroup` is the task's own, which its wrapper enters (empty: it has none). */
export function limited(
  argv: readonly string[],
  cgroup: string,
  { cpuShares, memoryBytes }: Limits,
): readonly string[] {
  if (cgroup === "") return argv;
  const places = splitPlaces(cgroup);
  const wanted: readonly (readonly [file: string, value: number])[] =
    places === undefined
      ? [
          [`${cgroup}/cpu.weight`, cpuShares > 0 ? weightOf(cpuShares) : 0],
          [`${cgroup}/memory.max`, memoryBytes],
        ]
      : [
          [`${places.cpu}/cpu.shares`, cpuShares > 0 ? Math.max(LEAST_SHARES, cpuShares) : 0],
          [`${places.memory}/memory.limit_in_bytes`, memoryBytes],
        ];
  const settings = wanted.flatMap(([file, value]) => (value > 0 ? [[file, String(Math.floor(value))] as const] : []));
  if (settings.length === 0) return argv;
  const given = places === undefined ? delegations(cgroup) : [];
  const entered = places === undefined ? [] : settings.map(([file]) => dirname(file));
  return ["/bin/sh", "-c", SCRIPT, "lares-limits", ...[...given, ...settings].flat(), "--", ...entered, "--", ...argv];
}

/** Takes away what {@link limited} made beside the task's own control group. */
export async function removeLimits(env: Env, cgroup: string): Promise<void> {
  const places = splitPlaces(cgroup);
  if (places !== undefined) await removeFolders(env, Object.values(places));
}

/** The same, of tasks that nobody knows. */
export async function sweepLimits(
  env: Env,
  wish: { readonly allocsRoot: string; readonly keep: ReadonlySet<string> },
): Promise<void> {
  for (const controller of SPLIT)
    await removeFolders(env, await strayCgroups(env, { ...wish, base: `${ROOT}/${controller}/lares` }));
}

/** The least that version 1 takes. */
const LEAST_SHARES = 2;

/** Shares of version 1 (2 to 262144) as a weight of version 2 (1 to 10000), as OCI runtimes turn them over. */
export function weightOf(shares: number): number {
  const within = Math.min(262_144, Math.max(LEAST_SHARES, shares));
  return 1 + Math.floor(((within - 2) * 9999) / 262_142);
}

/** In version 2 each folder says which controllers those below it may use. https://docs.kernel.org/admin-guide/cgroup-v2.html */
function delegations(cgroup: string): readonly (readonly [string, string])[] {
  const above: string[] = [];
  for (let folder = dirname(cgroup); folder.startsWith(ROOT); folder = dirname(folder)) above.unshift(folder);
  return above.map((folder) => [`${folder}/cgroup.subtree_control`, "+cpu +memory"]);
}

/** Undefined: all is in one hierarchy, or there is none. */
function splitPlaces(cgroup: string): Record<(typeof SPLIT)[number], string> | undefined {
  if (!cgroup.startsWith(FREEZER)) return undefined;
  const rest = cgroup.slice(FREEZER.length);
  return { cpu: `${ROOT}/cpu/${rest}`, memory: `${ROOT}/memory/${rest}` };
}

/** What still holds a process stays. */
async function removeFolders(env: Env, folders: readonly string[]): Promise<void> {
  if (folders.length > 0) await env.exec.run(["rmdir", ...folders]);
}
