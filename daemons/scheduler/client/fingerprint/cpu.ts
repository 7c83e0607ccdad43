import type { Env } from "#base/env/env.ts";
import { readText } from "./read-text.ts";

export interface CpuFacts {
  readonly arch: string;
  readonly cores: number;
  readonly mhz: number;
  readonly modelName: string;
}

/** Where nothing tells the frequency (many ARM boards and virtual machines). */
const ASSUMED_MHZ = 1000;
/** Kernel machine name to the name jobs use in constraints. */
const ARCHES: Readonly<Record<string, string>> = { x86_64: "amd64", aarch64: "arm64", armv7l: "arm", i686: "386" };

export async function cpuFacts(env: Env): Promise<CpuFacts> {
  const info = (await readText(env, "/proc/cpuinfo")) ?? "";
  const machine = (
    (await readText(env, "/proc/sys/kernel/arch")) ?? (await env.exec.run(["uname", "-m"])).stdout
  ).trim();
  const maxKhz = Number(((await readText(env, "/sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq")) ?? "").trim());
  const now = Number(/^cpu MHz\s*:\s*([\d.]+)/m.exec(info)?.[1] ?? 0);
  return {
    arch: ARCHES[machine] ?? machine,
    cores: Math.max(1, info.match(/^processor\s*:/gm)?.length ?? 1),
    mhz: Math.round(maxKhz > 0 ? maxKhz / 1000 : now > 0 ? now : ASSUMED_MHZ),
    modelName: /^model name\s*:\s*(.+)$/m.exec(info)?.[1]?.trim() ?? "",
  };
}
