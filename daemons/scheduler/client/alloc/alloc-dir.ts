import { dirname, join } from "node:path/posix";
import type { Disk } from "#base/env/disk.ts";
import type { TaskPaths } from "#drivers/driver.ts";
import { liveLogPath } from "../logs/log-files.ts";

/** Folders of one allocation, as their users know them: `alloc/{data,logs,tmp}` shared, `<task>/{local,secrets,tmp}` of each task. */
export interface AllocDir {
  readonly root: string;
  readonly shared: string;
  readonly logs: string;
}

const OPEN_TO_ALL = 0o777;
const OWNER_ONLY = 0o700;

export function allocDirOf(allocsRoot: string, allocId: string): AllocDir {
  const root = `${allocsRoot}/${allocId}`;
  return { root, shared: `${root}/alloc`, logs: `${root}/alloc/logs` };
}

/** After a power cut nothing of it runs any more and it is built anew, so no disk has to turn for it. */
export async function buildAllocDir(disk: Disk, dir: AllocDir): Promise<void> {
  // The last that is made.
  if ((await disk.stat(join(dir.shared, "tmp"))) !== undefined) return;
  // The folders' order is their parents'; each call makes what is missing above it.
  for (const name of ["data", "logs", "tmp"])
    await disk.makeDir(join(dir.shared, name), { mode: OPEN_TO_ALL, durable: false });
}

/**
 * Moves what a sticky disk keeps, the shared `data` and each task's `local`, from an allocation that has ended to the one
 * that follows it. https://developer.hashicorp.com/nomad/docs/job-specification/ephemeral_disk#sticky
 */
export async function inheritDisk(
  disk: Disk,
  tasks: readonly string[],
  { from, to }: { readonly from: AllocDir; readonly to: AllocDir },
): Promise<void> {
  for (const folder of ["alloc/data", ...tasks.map((task) => `${task}/local`)]) {
    const old = await disk.stat(join(from.root, folder));
    if (old?.kind !== "directory" || (await disk.stat(join(to.root, folder))) !== undefined) continue;
    await disk.makeDir(join(to.root, dirname(folder)), { durable: false });
    await disk.rename(join(from.root, folder), join(to.root, folder));
  }
}

/** Where a task's folders are. */
export function taskFolders(
  dir: AllocDir,
  task: string,
): Pick<TaskPaths, "allocDir" | "taskDir" | "localDir" | "secretsDir"> {
  const taskDir = join(dir.root, task);
  return { allocDir: dir.shared, taskDir, localDir: join(taskDir, "local"), secretsDir: join(taskDir, "secrets") };
}

/** Makes a task's folders; where they are, and the files its output goes to now. */
export async function buildTaskDir(disk: Disk, dir: AllocDir, task: string): Promise<TaskPaths> {
  const taskDir = join(dir.root, task);
  await disk.makeDir(join(taskDir, "local"), { mode: OPEN_TO_ALL, durable: false });
  await disk.makeDir(join(taskDir, "secrets"), { mode: OWNER_ONLY, durable: false });
  await disk.makeDir(join(taskDir, "tmp"), { mode: OPEN_TO_ALL, durable: false });
  return {
    ...taskFolders(dir, task),
    stdoutPath: await liveLogPath(disk, { folder: dir.logs, task, stream: "stdout" }),
    stderrPath: await liveLogPath(disk, { folder: dir.logs, task, stream: "stderr" }),
  };
}
