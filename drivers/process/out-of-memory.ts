import type { Env } from "#base/env/env.ts";
import { readSoft } from "./proc.ts";

/** Whether the kernel killed something in a task's cgroup for want of memory; asked before the cgroup goes. */
export async function ranOutOfMemory(env: Env, cgroup: string): Promise<boolean> {
  const version1 = cgroup.replace("/sys/fs/cgroup/freezer/", "/sys/fs/cgroup/memory/");
  const events =
    (await readSoft(env.disk, `${cgroup}/memory.events`)) ??
    (await readSoft(env.disk, `${version1}/memory.oom_control`));
  return Number(/^oom_kill (\d+)$/m.exec(events ?? "")?.[1] ?? 0) > 0;
}
