import type { Env } from "#base/env/env.ts";
import { logIndexes, logPath } from "./log-files.ts";
import type { LogName } from "./log-files.ts";

export interface RotationLimits {
  readonly maxFiles: number;
  readonly maxBytes: number;
}

const COPY_BYTES = 1024 * 1024;

/**
 * The live file is open for appending in the task, so it can be renamed but not replaced. A full chunk is copied into the
 * live file's old name, the live file moves on to the next number, and the copied bytes are punched out of it: its size
 * keeps rising, its blocks do not. So the live file `N` starts, for readers, at `N × maxBytes`. Returns the live file's size.
 */
export async function rotateLog(env: Env, name: LogName, limits: RotationLimits): Promise<number> {
  const indexes = await logIndexes(env.disk, name);
  let live = indexes.at(-1);
  if (live === undefined) return 0;
  const size = (await env.disk.stat(logPath(name, live)))?.size ?? 0;
  const final = Math.max(live, Math.floor(size / limits.maxBytes));
  const oldest = final - limits.maxFiles + 1;
  // The oldest go first: on a full disk they make the room the copy needs.
  for (const index of indexes) if (index < oldest && index < live) await env.disk.remove(logPath(name, index));
  if (live < oldest) {
    // What would be removed at once is not copied first.
    await env.disk.rename(logPath(name, live), logPath(name, oldest));
    await punch(env, logPath(name, oldest), startOfLog(oldest, limits));
    live = oldest;
  }
  for (; live < final; live++) await cutChunk(env, { name, limits, live });
  return size;
}

/** Offset of the first byte of file `index` in the stream of everything the task ever wrote. */
export function startOfLog(index: number, limits: RotationLimits): number {
  return index * limits.maxBytes;
}

interface Cut {
  readonly name: LogName;
  readonly limits: RotationLimits;
  readonly live: number;
}

async function cutChunk(env: Env, { name, limits, live }: Cut): Promise<void> {
  const { disk } = env;
  const path = logPath(name, live);
  const start = startOfLog(live, limits);
  const copy = `${path}.new`;
  await disk.remove(copy);
  const out = await disk.openAppend(copy);
  try {
    for (let at = start; at < start + limits.maxBytes; at += COPY_BYTES) {
      const piece = await disk.readAt(path, at, Math.min(COPY_BYTES, start + limits.maxBytes - at));
      if (piece !== undefined) await out.append(piece);
    }
  } catch (thrown) {
    // Half a copy would take the room that is missing already.
    await disk.remove(copy);
    throw thrown;
  } finally {
    await out.close();
  }
  const next = logPath(name, live + 1);
  await disk.rename(path, next);
  await disk.rename(copy, path);
  await punch(env, next, start + limits.maxBytes);
}

/** Gives the first `length` bytes back to the file system. */
async function punch(env: Env, path: string, length: number): Promise<void> {
  const done = await env.exec.run(["fallocate", "--punch-hole", "--offset", "0", "--length", String(length), path]);
  if (done.code === 0) return;
  // No holes here (or no fallocate): cutting the file short and long again makes one, at the price of what is written meanwhile.
  await env.disk.truncate(path, 0);
  await env.disk.truncate(path, length);
}
