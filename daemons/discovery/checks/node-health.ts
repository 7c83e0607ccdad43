import { textOf } from "#base/env/bytes.ts";
import type { Env } from "#base/env/env.ts";
import type { NodeCheck } from "#base/protocol/catalog.ts";
import type { ProbeResult } from "./probe.ts";

/** Above the first it warns, above the second it is critical. */
const LIMITS = {
  /** Processes that run or wait, per core, averaged over five minutes. */
  cpu: [2, 4],
  /** Percent in use. */
  memory: [90, 95],
  disk: [90, 95],
  files: [80, 95],
  /** °C */
  temperature: [75, 85],
  /** Milliseconds away from the time servers'. */
  clock: [100, 1000],
} as const;

const ZONES = "/sys/class/thermal";

/** Reads one figure of the machine. Never rejects for what a machine does not have. */
export async function readNodeHealth(env: Env, check: NodeCheck, folder: string): Promise<ProbeResult> {
  switch (check) {
    case "cpu": {
      const [load, cores] = await Promise.all([numbersIn(env, "/proc/loadavg"), coresOf(env)]);
      return judged(check, (load[1] ?? 0) / cores, (value) => `load ${value.toFixed(2)} per core over 5 minutes`);
    }
    case "memory": {
      const text = await read(env, "/proc/meminfo");
      const kib = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(text)?.[1] ?? 0);
      const used = 100 - (100 * kib("MemAvailable")) / Math.max(1, kib("MemTotal"));
      return judged(check, used, (value) => `${value.toFixed(0)} % of memory in use`);
    }
    case "disk": {
      const { freeBytes, totalBytes } = await env.disk.space(folder);
      const used = 100 - (100 * freeBytes) / Math.max(1, totalBytes);
      return judged(check, used, (value) => `${value.toFixed(0)} % of the disk of ${folder} in use`);
    }
    case "files": {
      const [open = 0, , most = 1] = await numbersIn(env, "/proc/sys/fs/file-nr");
      return judged(check, (100 * open) / most, (value) => `${value.toFixed(0)} % of open files in use`);
    }
    case "temperature":
      return temperature(env);
    case "clock":
      return clock(env);
    default:
      return check satisfies never;
  }
}

function judged(check: NodeCheck, value: number, words: (value: number) => string): ProbeResult {
  const [warning, critical] = LIMITS[check];
  const status = value >= critical ? "critical" : value >= warning ? "warning" : "passing";
  return { status, output: `${words(value)} (warning from ${warning}, critical from ${critical})` };
}

async function temperature(env: Env): Promise<ProbeResult> {
  const zones = (await env.disk.list(ZONES)).filter((name) => name.startsWith("thermal_zone"));
  const found = await Promise.all(zones.map((zone) => numbersIn(env, `${ZONES}/${zone}/temp`)));
  const degrees = found.flatMap(([thousandths]) => (thousandths === undefined ? [] : [thousandths / 1000]));
  if (degrees.length === 0) return { status: "passing", output: "this machine tells no temperature" };
  return judged("temperature", Math.max(...degrees), (value) => `${value.toFixed(0)} °C`);
}

/** What chrony knows, else whether systemd holds the clock for set. */
async function clock(env: Env): Promise<ProbeResult> {
  const limits = { timeoutMs: 5000, maxOutputBytes: 4096 };
  const tracking = await env.exec.run(["chronyc", "-c", "tracking"], limits);
  const seconds = tracking.code === 0 ? Number(tracking.stdout.split(",")[4]) : NaN;
  if (Number.isFinite(seconds))
    return judged("clock", Math.abs(seconds) * 1000, (value) => `the clock is ${value.toFixed(1)} ms off`);
  const shown = await env.exec.run(["timedatectl", "show", "-p", "NTPSynchronized", "--value"], limits);
  if (shown.code !== 0) return { status: "passing", output: "neither chrony nor systemd tells how the clock is" };
  return shown.stdout.trim() === "yes"
    ? { status: "passing", output: "the clock is synchronised" }
    : { status: "warning", output: "the clock is not synchronised with any time server" };
}

async function coresOf(env: Env): Promise<number> {
  return Math.max(1, ((await read(env, "/proc/stat")).match(/^cpu\d/gm) ?? []).length);
}

async function numbersIn(env: Env, path: string): Promise<readonly number[]> {
  return ((await read(env, path)).match(/-?\d+(?:\.\d+)?/g) ?? []).map(Number);
}

/** Empty where there is no such file. */
async function read(env: Env, path: string): Promise<string> {
  const bytes = await env.disk.read(path).catch(() => undefined);
  return bytes === undefined ? "" : textOf(bytes);
}
