import type { Env } from "#base/env/env.ts";
import { readText } from "./read-text.ts";

export interface Temperature {
  /** As the kernel calls it: `cpu-thermal`, `x86_pkg_temp`. */
  readonly Sensor: string;
  readonly Celsius: number;
}

const ZONES = "/sys/class/thermal";

/** What the kernel's thermal zones measure now (https://docs.kernel.org/driver-api/thermal/sysfs-api.html). */
export async function temperatures(env: Env): Promise<readonly Temperature[]> {
  const zones = (await env.disk.list(ZONES).catch(() => [])).filter((name) => /^thermal_zone\d+$/.test(name));
  const found = await Promise.all(
    zones.map(async (zone): Promise<Temperature[]> => {
      const [type, text] = [await readText(env, `${ZONES}/${zone}/type`), await readText(env, `${ZONES}/${zone}/temp`)];
      const milli = Number(text?.trim() || Number.NaN);
      return Number.isFinite(milli) ? [{ Sensor: type?.trim() || zone, Celsius: milli / 1000 }] : [];
    }),
  );
  return found.flat();
}
