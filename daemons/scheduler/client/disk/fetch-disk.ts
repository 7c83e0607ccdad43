import { dirname, join } from "node:path/posix";
import type { Env } from "#base/env/env.ts";
import { fail, messageOf, succeed, type Result } from "#base/env/errors.ts";
import { formatSize } from "#base/language/size.ts";
import type { AllocDir } from "../alloc/alloc-dir.ts";

export interface FetchDisk {
  /** A tar archive of `alloc/data` and each task's `local`. */
  readonly body: AsyncIterable<Uint8Array>;
  readonly dir: AllocDir;
  readonly tasks: readonly string[];
  /** Of the archive. 0: no limit. */
  readonly maxBytes: number;
  readonly signal: AbortSignal;
}

/** Where an archive is unpacked, so that only a whole one counts. */
const INCOMING = ".incoming";
const SAID_CHARS = 500;

/**
 * Unpacks what an allocation of another node kept on its disk. The folders appear one by one, each whole; what is there
 * already stays. Owners and rights are as they were there. Rejects when the archive breaks off; `TOO_LARGE` above the limit.
 */
export async function fetchDisk(
  env: Env,
  { body, dir, tasks, maxBytes, signal }: FetchDisk,
): Promise<Result<{ readonly bytes: number }>> {
  const incoming = join(dir.root, INCOMING);
  await env.disk.remove(incoming);
  await env.disk.makeDir(incoming, { mode: 0o700 });
  try {
    const unpacked = await unpack(env, { body, folder: incoming, maxBytes, signal });
    if (!unpacked.ok) return unpacked;
    for (const folder of ["alloc/data", ...tasks.map((task) => `${task}/local`)]) {
      const from = join(incoming, folder);
      const to = join(dir.root, folder);
      if ((await env.disk.stat(from))?.kind !== "directory" || (await env.disk.stat(to)) !== undefined) continue;
      await env.disk.makeDir(dirname(to), { durable: false });
      await env.disk.rename(from, to);
    }
    return unpacked;
  } finally {
    await env.disk.remove(incoming);
  }
}

interface Unpacking {
  readonly body: AsyncIterable<Uint8Array>;
  readonly folder: string;
  readonly maxBytes: number;
  readonly signal: AbortSignal;
}

async function unpack(
  env: Env,
  { body, folder, maxBytes, signal }: Unpacking,
): Promise<Result<{ readonly bytes: number }>> {
  let said = "";
  // bsdtar(1) takes no path out of the folder, and writes nothing through a link. Not tar: that of busybox passes over long names.
  const child = await env.exec.spawn(["bsdtar", "-x", "--numeric-owner", "-f", "-", "-C", folder], {
    env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" },
    stdout: "ignore",
    stderr: "pipe",
    stdin: "pipe",
    onOutput: (_, data) => void (said = `${said}${new TextDecoder().decode(data)}`.slice(-SAID_CHARS)),
    detached: false,
  });
  let bytes = 0;
  let isOver = false;
  void child.exited.then(() => (isOver = true));
  try {
    for await (const part of body) {
      bytes += part.length;
      if (maxBytes > 0 && bytes > maxBytes)
        return fail("TOO_LARGE", `it is larger than the ${formatSize(maxBytes)} of the group's ephemeral_disk`);
      if (signal.aborted) return fail("ABORTED", "the agent stops");
      await child.write(part);
    }
    child.endInput();
    const { code } = await child.exited;
    if (code === 0) return succeed({ bytes });
    return fail("UNPACK", `cannot unpack it: ${said.trim() || `tar ended with ${code}`}`);
  } catch (thrown) {
    return fail("BROKEN", `it broke off: ${messageOf(thrown)}`);
  } finally {
    if (!isOver) env.exec.kill(child.pid, SIGKILL);
    await child.exited;
  }
}

const SIGKILL = 9;
