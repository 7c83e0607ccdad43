import type { Env } from "#base/env/env.ts";

export interface RootMount {
  readonly host: string;
  readonly inside: string;
}

/** What a task sees of the machine, read-only, unless the node says otherwise (`client { chroot_env { … } }`). */
const DEFAULT_ROOT: Readonly<Record<string, string>> = Object.fromEntries(
  "/bin /etc /lib /lib32 /lib64 /run/resolvconf /run/systemd/resolve /sbin /usr".split(" ").map((path) => [path, path]),
);

/** What of it is there, folders before what lies in them. */
export async function rootMounts(
  env: Env,
  configured: Readonly<Record<string, string>>,
): Promise<readonly RootMount[]> {
  const wanted = Object.keys(configured).length === 0 ? DEFAULT_ROOT : configured;
  const mounts: RootMount[] = [];
  for (const [host, inside] of Object.entries(wanted)) {
    if ((await env.disk.stat(host).catch(() => undefined)) !== undefined) mounts.push({ host, inside });
  }
  return mounts.toSorted((a, b) => (a.inside < b.inside ? -1 : 1));
}

/** Where a path of the task's root is on the machine. */
export function onHost(path: string, root: readonly RootMount[], taskDir: string): string {
  const mount = root.findLast(({ inside }) => path === inside || path.startsWith(`${inside}/`));
  return mount === undefined ? `${taskDir}${path}` : `${mount.host}${path.slice(mount.inside.length)}`;
}
