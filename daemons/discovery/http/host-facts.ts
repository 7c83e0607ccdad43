import { textOf } from "#base/env/bytes.ts";
import type { Env } from "#base/env/env.ts";

const KIB = 1024;

/** The machine, in the shape of https://developer.hashicorp.com/consul/api-docs/agent#retrieve-host-information */
export async function hostFacts(env: Env) {
  const [memory, cpus, uptime, release, os] = await Promise.all(
    ["/proc/meminfo", "/proc/cpuinfo", "/proc/uptime", "/proc/sys/kernel/osrelease", "/etc/os-release"].map((path) =>
      read(env, path),
    ),
  );
  const nowMs = env.clock.nowMs();
  const uptimeS = Math.floor(Number.parseFloat(uptime ?? "") || 0);
  return {
    Memory: memoryOf(memory ?? ""),
    CPU: (cpus ?? "").split("\n\n").flatMap(processorOf),
    Host: {
      hostname: env.net.hostname(),
      uptime: uptimeS,
      bootTime: Math.floor(nowMs / 1000) - uptimeS,
      os: "linux",
      platform: word(os ?? "", "ID"),
      platformVersion: word(os ?? "", "VERSION_ID"),
      kernelVersion: (release ?? "").trim(),
    },
    Disk: await diskOf(env, "/"),
    CollectionTime: Math.round(nowMs * 1e6),
    Errors: null,
  };
}

async function read(env: Env, path: string): Promise<string> {
  const bytes = await env.disk.read(path).catch(() => undefined);
  return bytes === undefined ? "" : textOf(bytes);
}

/** Lines `Name:  123 kB`. */
function memoryOf(text: string) {
  const bytes = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(text)?.[1] ?? 0) * KIB;
  const [total, available] = [bytes("MemTotal"), bytes("MemAvailable")];
  const used = total - available;
  return {
    total,
    available,
    used,
    usedPercent: percent(used, total),
    free: bytes("MemFree"),
    buffers: bytes("Buffers"),
    cached: bytes("Cached"),
    swapTotal: bytes("SwapTotal"),
    swapFree: bytes("SwapFree"),
  };
}

/** A block of /proc/cpuinfo. */
function processorOf(block: string) {
  const value = (name: string): string => new RegExp(`^${name}\\s*:\\s*(.*)$`, "m").exec(block)?.[1] ?? "";
  const index = value("processor");
  if (index === "") return [];
  return [
    { cpu: Number(index), vendorId: value("vendor_id"), modelName: value("model name"), mhz: Number(value("cpu MHz")) },
  ];
}

async function diskOf(env: Env, path: string) {
  const { totalBytes: total, freeBytes: free } = await env.disk.space(path);
  return { path, total, free, used: total - free, usedPercent: percent(total - free, total) };
}

/** `NAME="value"` of os-release(5). */
function word(text: string, name: string): string {
  return new RegExp(`^${name}="?([^"\\n]*)"?$`, "m").exec(text)?.[1] ?? "";
}

function percent(part: number, whole: number): number {
  return whole === 0 ? 0 : (100 * part) / whole;
}
