import type { Env } from "#base/env/env.ts";
import { armPartName } from "./arm-parts.ts";
import { parseIdList } from "./id-list.ts";
import { readText } from "./read-text.ts";

export interface CpuFacts {
  readonly arch: string;
  readonly cores: readonly Core[];
  readonly modelName: string;
}

export interface Core {
  readonly id: number;
  readonly mhz: number;
  /** Of the slower kind, where a processor has two (big.LITTLE, P and E cores). */
  readonly efficient: boolean;
}

/** Where nothing tells the frequency (many virtual machines). */
const ASSUMED_MHZ = 1000;
/** Kernel machine name to the name jobs use in constraints. */
const ARCHES: Readonly<Record<string, string>> = { x86_64: "amd64", aarch64: "arm64", armv7l: "arm", i686: "386" };
const CPUS = "/sys/devices/system/cpu";

export async function cpuFacts(env: Env): Promise<CpuFacts> {
  const info = (await readText(env, "/proc/cpuinfo")) ?? "";
  const machine = (
    (await readText(env, "/proc/sys/kernel/arch")) ?? (await env.exec.run(["uname", "-m"])).stdout
  ).trim();
  return { arch: ARCHES[machine] ?? machine, cores: await coresOf(env, info), modelName: modelOf(info) };
}

/** MHz of all cores together: https://developer.hashicorp.com/nomad/docs/architecture/cpu */
export function totalMhz(cores: readonly Core[]): number {
  return cores.reduce((sum, { mhz }) => sum + mhz, 0);
}

/** By the documented names. */
export function cpuAttributes({ arch, cores, modelName }: CpuFacts): Record<string, string> {
  const fastest = Math.max(...cores.map(({ mhz }) => mhz));
  const [slow, fast] = [true, false].map((efficient) => cores.filter((core) => core.efficient === efficient));
  const kinds =
    slow === undefined || fast === undefined || slow.length === 0 || fast.length === 0
      ? {}
      : {
          "cpu.numcores.performance": String(fast.length),
          "cpu.numcores.efficiency": String(slow.length),
          "cpu.frequency.performance": String(Math.max(...fast.map(({ mhz }) => mhz))),
          "cpu.frequency.efficiency": String(Math.max(...slow.map(({ mhz }) => mhz))),
        };
  return {
    "cpu.arch": arch,
    "cpu.numcores": String(cores.length),
    "cpu.frequency": String(fastest),
    ...kinds,
    ...(modelName === "" ? {} : { "cpu.modelname": modelName }),
  };
}

async function coresOf(env: Env, info: string): Promise<readonly Core[]> {
  const counted = Array.from({ length: Math.max(1, info.match(/^processor\s*:/gm)?.length ?? 1) }, (_, id) => id);
  const online = parseIdList((await readText(env, `${CPUS}/online`)) ?? "");
  const ids = online.length > 0 ? online : counted;
  const now = [...info.matchAll(/^cpu MHz\s*:\s*([\d.]+)/gm)].map((found) => Number(found[1]));
  // Intel tells apart what it mixes (https://docs.kernel.org/admin-guide/perf/…), ARM by how much a core can do.
  const atoms = new Set(parseIdList((await readText(env, "/sys/devices/cpu_atom/cpus")) ?? ""));
  const capacities = await Promise.all(ids.map((id) => numberAt(env, `${CPUS}/cpu${id}/cpu_capacity`)));
  const most = Math.max(...capacities);
  return Promise.all(
    ids.map(async (id, index): Promise<Core> => {
      const capacity = capacities[index] ?? 0;
      const efficient = atoms.size > 0 ? atoms.has(id) : capacity > 0 && capacity < most;
      const khz =
        (await numberAt(env, `${CPUS}/cpu${id}/cpufreq/base_frequency`)) ||
        (await numberAt(env, `${CPUS}/cpu${id}/cpufreq/cpuinfo_max_freq`));
      return {
        id,
        mhz: Math.round(khz > 0 ? khz / 1000 : (now[index] ?? 0) > 0 ? (now[index] ?? 0) : ASSUMED_MHZ),
        efficient,
      };
    }),
  );
}

async function numberAt(env: Env, path: string): Promise<number> {
  const value = Number(((await readText(env, path)) ?? "").trim());
  return Number.isFinite(value) && value > 0 ? value : 0;
}

/** x86 names its model; ARM gives the designer's number of each kind of core. */
function modelOf(info: string): string {
  const named = /^model name\s*:\s*(.+)$/m.exec(info)?.[1]?.trim();
  if (named !== undefined) return named;
  const parts = [...info.matchAll(/^CPU part\s*:\s*(0x[0-9a-f]+)/gm)].map((found) => armPartName(found[1] ?? ""));
  return [...new Set(parts)].filter((name) => name !== undefined).join(" + ");
}
