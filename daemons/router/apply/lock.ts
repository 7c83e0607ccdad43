import type { Env } from "#base/env/env.ts";
import { fail, type Result } from "#base/env/errors.ts";

const WAIT_SECONDS = "60";

/**
 * Runs `work` while no other process of this machine does the same for this file. The lock is held by flock(1) for as
 * long as its input is open: it is gone with whoever held it, however that ended.
 */
export async function withLock<T>(env: Env, path: string, work: () => Promise<Result<T>>): Promise<Result<T>> {
  let taken = (): void => {};
  const held = new Promise<"held">((resolve) => {
    taken = () => resolve("held");
  });
  const holder = await env.exec.spawn(["flock", "-w", WAIT_SECONDS, path, "cat"], {
    env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" },
    stdin: "pipe",
    stdout: "pipe",
    stderr: "ignore",
    detached: false,
    onOutput: () => taken(),
  });
  try {
    // What is written comes back as soon as cat runs, and cat runs only under the lock.
    await holder.write(new Uint8Array([10]));
    const first = await Promise.race([held, holder.exited]);
    if (first !== "held")
      return fail(
        "router_busy",
        `${path} is locked by another process for a minute already`,
        "see whether another lares router command hangs",
      );
    return await work();
  } finally {
    holder.endInput();
    await holder.exited;
  }
}
