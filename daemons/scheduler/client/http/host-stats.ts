import { nowNs } from "#base/env/clock.ts";
import type { Env } from "#base/env/env.ts";
import { readText } from "../fingerprint/read-text.ts";

interface CpuTimes {
  readonly user: number;
  readonly system: number;
  readonly idle: number;
  readonly total: number;
}

interface DiskUse {
  readonly Device: string;
  readonly Mountpoint: string;
  readonly Size: number;
  readonly Used: number;
  readonly Available: number;
  readonly UsedPercent: number;
  readonly InodesUsedPercent: number;
}

/** Field names: https://developer.hashicorp.com/nomad/api-docs/client#read-stats */
export interface HostStats {
  readonly Memory: {
    readonly Total: number;
    readonly Available: number;
    readonly Free: number;
    readonly Used: number;
  };
  readonly CPU: readonly {
    readonly CPU: string;
    readonly User: number;
    readonly System: number;
    readonly Idle: number;
    readonly Total: number;
  }[];
  readonly CPUTicksConsumed: number;
  readonly DiskStats: readonly DiskUse[];
  readonly AllocDirStats: DiskUse;
  readonly DeviceStats: readonly unknown[];
  readonly Uptime: number;
  readonly Timestamp: number;
}

/** Machine-wide figures from /proc; CPU shares are since the call before, or since boot. */
export function createHostStats(env: Env, allocsRoot: string): () => Promise<HostStats> {
  let before = new Map<string, CpuTimes>();
  return async () => {
    const times = parseCpuTimes((await readText(env, "/proc/stat")) ?? "");
    const cpus = [...times].map(([name, now]) => ({ CPU: name, ...sharesOf(now, before.get(name)) }));
    before = times;
    const memory = parseMeminfo((await readText(env, "/proc/meminfo")) ?? "");
    const { freeBytes, totalBytes } = await env.disk.space(allocsRoot);
    const disk = {
      Device: "",
      Mountpoint: allocsRoot,
      Size: totalBytes,
      Used: totalBytes - freeBytes,
      Available: freeBytes,
      UsedPercent: totalBytes === 0 ? 0 : (100 * (totalBytes - freeBytes)) / totalBytes,
      InodesUsedPercent: 0,
    };
    const uptime = Number(((await readText(env, "/proc/uptime")) ?? "0").split(" ")[0]);
    return {
      Memory: {
        Total: memory.get("MemTotal") ?? 0,
        Available: memory.get("MemAvailable") ?? 0,
        Free: memory.get("MemFree") ?? 0,
        Used: (memory.get("MemTotal") ?? 0) - (memory.get("MemAvailable") ?? 0),
      },
      CPU: cpus,
      CPUTicksConsumed: cpus.reduce((sum, cpu) => sum + cpu.Total, 0),
      DiskStats: [disk],
      AllocDirStats: disk,
      DeviceStats: [],
      Uptime: Math.floor(uptime),
      Timestamp: nowNs(env.clock),
    };
  };
}

/** The `cpuN` lines of proc_stat(5), in ticks. */
export function parseCpuTimes(text: string): Map<string, CpuTimes> {
  const found = new Map<string, CpuTimes>();
  for (const [, name, numbers] of text.matchAll(/^(cpu\d+) (.+)$/gm)) {
    const [user = 0, nice = 0, system = 0, idle = 0, wait = 0, ...rest] = (numbers ?? "").split(" ").map(Number);
    const total = [user, nice, system, idle, wait, ...rest.slice(0, 3)].reduce((sum, each) => sum + each, 0);
    if (name !== undefined) found.set(name, { user: user + nice, system, idle: idle + wait, total });
  }
  return found;
}

function sharesOf(
  now: CpuTimes,
  last: CpuTimes | undefined,
): { User: number; System: number; Idle: number; Total: number } {
  const spent = now.total - (last?.total ?? 0);
  const share = (pick: (times: CpuTimes) => number): number =>
    spent <= 0 ? 0 : (100 * (pick(now) - (last === undefined ? 0 : pick(last)))) / spent;
  const idle = share((times) => times.idle);
  return {
    User: share((times) => times.user),
    System: share((times) => times.system),
    Idle: idle,
    Total: spent <= 0 ? 0 : 100 - idle,
  };
}

/** proc_meminfo(5) in bytes. */
export function parseMeminfo(text: string): Map<string, number> {
  return new Map([...text.matchAll(/^(\w+):\s+(\d+) kB$/gm)].map((found) => [found[1] ?? "", Number(found[2]) * 1024]));
}
