import { arch, availableParallelism, freemem, loadavg, release, totalmem, uptime } from "node:os";
import { textOf } from "#base/env/bytes.ts";
import type { Env } from "#base/env/env.ts";
import type { MachineFacts } from "#daemons/dns/http/api-deps.ts";

/** The machine and this process, now. */
export async function machineFacts(env: Pick<Env, "disk" | "clock">): Promise<MachineFacts> {
  const { user, system } = process.cpuUsage();
  const seconds = process.uptime();
  return {
    model: await modelOf(env),
    kernel: release(),
    machine: arch(),
    uptimeSeconds: uptime(),
    totalBytes: totalmem(),
    availableBytes: freemem(),
    load: loadavg(),
    cores: availableParallelism(),
    pid: process.pid,
    residentBytes: process.memoryUsage.rss(),
    // Over the life of the process.
    cpuPercent: seconds > 0 ? ((user + system) / 1e6 / seconds) * 100 : 0,
  };
}

/** As the firmware says; empty where it says nothing. */
async function modelOf({ disk }: Pick<Env, "disk">): Promise<string> {
  for (const path of ["/proc/device-tree/model", "/sys/class/dmi/id/product_name"]) {
    const bytes = await disk.read(path).catch(() => undefined);
    if (bytes !== undefined) return textOf(bytes).replaceAll("\0", "").trim();
  }
  return "";
}
