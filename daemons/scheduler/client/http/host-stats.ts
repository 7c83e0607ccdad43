import { nowNs } from "#base/env/clock.ts";
import type { Env } from "#base/env/env.ts";
import type { DeviceInventory } from "../devices/device-inventory.ts";
import { readText } from "../fingerprint/read-text.ts";
import { temperatures, type Temperature } from "../fingerprint/temperatures.ts";
import { deviceStats } from "./device-stats.ts";

/** File systems told of; a machine with more has them listed by its own tools. */
const MAX_DISKS = 64;

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
  /** Ours: what the kernel's thermal zones measure. */
  readonly Temperatures: readonly Temperature[];
  readonly Uptime: number;
  readonly Timestamp: number;
}

/** Machine-wide figures from /proc; CPU shares are since the call before, or since boot. */
export function createHostStats(
  env: Env,
  allocsRoot: string,
  devices?: Pick<DeviceInventory, "measure">,
): () => Promise<HostStats> {
  let before = new Map<string, CpuTimes>();
  return async () => {
    const times = parseCpuTimes((await readText(env, "/proc/stat")) ?? "");
    const cpus = [...times].map(([name, now]) => ({ CPU: name, ...sharesOf(now, before.get(name)) }));
    before = times;
    const memory = parseMeminfo((await readText(env, "/proc/meminfo")) ?? "");
    const { freeBytes, totalBytes } = await env.disk.space(allocsRoot);
    const mounts = parseMounts((await readText(env, "/proc/mounts")) ?? "");
    const disk = { ...useOf({ freeBytes, totalBytes }), Device: deviceOf(mounts, allocsRoot), Mountpoint: allocsRoot };
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
      DiskStats: await disksOf(env, mounts, disk),
      AllocDirStats: disk,
      DeviceStats: deviceStats(env, (await devices?.measure()) ?? []),
      Temperatures: await temperatures(env),
      Uptime: Math.floor(uptime),
      Timestamp: nowNs(env.clock),
    };
  };
}

interface Mount {
  readonly device: string;
  readonly point: string;
}

/** File systems on disks, each once; of mounts on one place the last counts (proc_mounts(5)). */
export function parseMounts(text: string): readonly Mount[] {
  const byDevice = new Map<string, Mount>();
  for (const line of text.split("\n")) {
    const [device = "", escaped = ""] = line.split(" ");
    const point = escaped.replaceAll(/\\([0-7]{3})/g, (_, octal: string) =>
      String.fromCharCode(Number.parseInt(octal, 8)),
    );
    // A disk that is mounted in many places has its first one; loop devices are files (snaps, images).
    if (device.startsWith("/dev/") && !device.startsWith("/dev/loop") && !byDevice.has(device))
      byDevice.set(device, { device, point });
  }
  return [...byDevice.values()].slice(0, MAX_DISKS);
}

async function disksOf(env: Env, mounts: readonly Mount[], own: DiskUse): Promise<readonly DiskUse[]> {
  const found = await Promise.all(
    mounts.map(async ({ device, point }): Promise<DiskUse[]> => {
      const space = await env.disk.space(point).catch(() => undefined);
      return space === undefined ? [] : [{ ...useOf(space), Device: device, Mountpoint: point }];
    }),
  );
  const disks = found.flat();
  return disks.some(({ Device }) => Device === own.Device) ? disks : [own, ...disks];
}

/** Of the mount whose place is the longest beginning of the path. */
function deviceOf(mounts: readonly Mount[], path: string): string {
  const above = mounts.filter(({ point }) => point === "/" || path === point || path.startsWith(`${point}/`));
  return above.toSorted((a, b) => b.point.length - a.point.length)[0]?.device ?? "";
}

function useOf({ freeBytes, totalBytes }: { readonly freeBytes: number; readonly totalBytes: number }): DiskUse {
  const Used = totalBytes - freeBytes;
  return {
    Device: "",
    Mountpoint: "",
    Size: totalBytes,
    Used,
    Available: freeBytes,
    UsedPercent: totalBytes === 0 ? 0 : (100 * Used) / totalBytes,
    InodesUsedPercent: 0,
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
