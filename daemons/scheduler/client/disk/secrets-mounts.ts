import { textOf } from "#base/env/bytes.ts";
import type { Env } from "#base/env/env.ts";
import { listMounts } from "../volumes/mounted.ts";

/** What `df` and mount(8) show as the device; also how these mounts are told from others. */
const DEVICE = "lares-secrets";
/** Unless the task's `resources` say otherwise. https://developer.hashicorp.com/nomad/docs/job-specification/resources#secrets */
const DEFAULT_MB = 1;
const MOUNT_MS = 10_000;

/**
 * Tasks' `secrets` folders in memory: of a fixed size, and nothing in them can be run. Where this system does not let the
 * agent mount, they stay plain folders that only their owner may enter, and the log says so once.
 */
export class SecretsMounts {
  readonly #env: Env;
  readonly #allocsRoot: string;
  readonly #mounted = new Set<string>();
  #refused = false;

  private constructor(env: Env, allocsRoot: string) {
    this.#env = env;
    this.#allocsRoot = allocsRoot;
  }

  /** Finds those that an earlier agent left. */
  static async open(env: Env, allocsRoot: string): Promise<SecretsMounts> {
    const mounts = new SecretsMounts(env, allocsRoot);
    if (await isAlone(env)) mounts.#refuse("this agent has mounts of its own, which other programs do not see");
    for (const { device, type, path } of await listMounts(env.disk))
      if (device === DEVICE && type === "tmpfs" && path.startsWith(`${allocsRoot}/`)) mounts.#mounted.add(path);
    return mounts;
  }

  /** Fine if it is mounted already. */
  async mount(path: string, sizeMb = 0): Promise<void> {
    if (this.#mounted.has(path) || this.#refused) return;
    const { mode = 0o700, uid = 0, gid = 0 } = (await this.#env.disk.stat(path)) ?? {};
    const size = `size=${sizeMb > 0 ? sizeMb : DEFAULT_MB}m`;
    const owner = [`mode=${(mode & 0o777).toString(8)}`, `uid=${uid}`, `gid=${gid}`];
    const options = ["noexec", "nosuid", "nodev", size, ...owner].join(",");
    const said = await this.#env.exec.run(["mount", "-n", "-t", "tmpfs", "-o", options, DEVICE, path], {
      timeoutMs: MOUNT_MS,
    });
    if (said.code === 0 && said.signal === 0) this.#mounted.add(path);
    else this.#refuse(said.stderr.trim() || `mount ended with ${said.code}`);
  }

  /** Unmounts all of an allocation's, as it has ended. */
  async release(allocRoot: string): Promise<void> {
    await this.#unmount([...this.#mounted].filter((path) => path.startsWith(`${allocRoot}/`)));
  }

  /** Removes an allocation's folder with all it holds. */
  async remove(allocRoot: string): Promise<void> {
    await this.release(allocRoot);
    await this.#env.disk.remove(allocRoot);
  }

  /** Unmounts those of allocations that do not live. */
  async sweep(living: ReadonlySet<string>): Promise<void> {
    const idOf = (path: string): string => path.slice(this.#allocsRoot.length + 1).split("/", 1)[0] ?? "";
    await this.#unmount([...this.#mounted].filter((path) => !living.has(idOf(path))));
  }

  async #unmount(paths: readonly string[]): Promise<void> {
    if (paths.length === 0) return;
    const { exec, log } = this.#env;
    // What still holds one open sees it until it lets go; nobody else does.
    const said = await exec.run(["umount", "-n", "-l", "--", ...paths], { timeoutMs: MOUNT_MS });
    if (said.code !== 0 && !/not mounted|no mount point/i.test(said.stderr))
      log.warn("cannot unmount secrets folders", { error: said.stderr.trim() });
    for (const path of paths) this.#mounted.delete(path);
  }

  #refuse(error: string): void {
    // Without the right to mount there will be none for the next one either.
    this.#refused = /permission|permitted|superuser|not found|ENOENT|of its own/i.test(error);
    this.#env.log.warn("secrets of tasks lie on disk, in folders that only their owner may enter: cannot mount tmpfs", {
      error,
    });
  }
}

/** Mounts made here would be seen neither by a container engine nor by the next agent. */
async function isAlone({ disk }: Pick<Env, "disk">): Promise<boolean> {
  const [own, first] = await Promise.all(["self", "1"].map((id) => rootMount(disk, id)));
  return own !== undefined && first !== undefined && own !== first;
}

/** Numbers of mounts are one namespace's alone. proc_pid_mountinfo(5) */
async function rootMount(disk: Env["disk"], process: string): Promise<string | undefined> {
  const bytes = await disk.read(`/proc/${process}/mountinfo`).catch(() => undefined);
  if (bytes === undefined) return undefined;
  const lines = textOf(bytes).split("\n");
  return lines.findLast((line) => line.split(" ")[4] === "/")?.split(" ")[0];
}
