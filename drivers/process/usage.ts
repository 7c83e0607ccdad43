import type { Env } from "#base/env/env.ts";
import { nowNs } from "#base/env/clock.ts";
import type { TaskStats } from "../driver.ts";
import { cgroupPids } from "./cgroup.ts";
import { childrenOf, readProcStat } from "./proc.ts";

/** Linux on x86-64 and arm64; neither is told by /proc. */
const PAGE_BYTES = 4096;
const TICKS_PER_SECOND = 100;

export interface Usage {
  measure(task: { readonly pid: number; readonly cgroup: string }): Promise<TaskStats>;
  forget(pid: number): void;
}

/** Sums over all processes of a task. CPU per cent is since the measurement before. */
export function createUsage(env: Env): Usage {
  const before = new Map<number, { readonly ticks: number; readonly atMs: number }>();
  return {
    async measure({ pid, cgroup }) {
      const grouped = await cgroupPids(env, cgroup);
      const pids = grouped.length > 0 ? grouped : [pid, ...((await childrenOf(env.disk, pid)) ?? [])];
      let ticks = 0;
      let pages = 0;
      for (const each of pids) {
        const stat = await readProcStat(env.disk, each);
        ticks += stat?.cpuTicks ?? 0;
        pages += stat?.rssPages ?? 0;
      }
      const atMs = env.clock.monotonicMs();
      const last = before.get(pid);
      before.set(pid, { ticks, atMs });
      const seconds = last === undefined ? 0 : (atMs - last.atMs) / 1000;
      const spent = last === undefined ? 0 : Math.max(0, ticks - last.ticks);
      return {
        timestampNs: nowNs(env.clock),
        memoryRssBytes: pages * PAGE_BYTES,
        memoryUsageBytes: pages * PAGE_BYTES,
        cpuPercent: seconds > 0 ? (spent / TICKS_PER_SECOND / seconds) * 100 : 0,
        cpuTotalTicks: ticks,
        pids: pids.length,
      };
    },
    forget: (pid) => void before.delete(pid),
  };
}
