import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

/** What the machine's sensors say (https://docs.kernel.org/hwmon/sysfs-interface.html). */
export interface Hardware {
  readonly temperatures: readonly Temperature[];
  /** The supply is, or was since the last look, too weak: what a Raspberry Pi tells (driver raspberrypi-hwmon). */
  readonly underVoltage: boolean;
}

export interface Temperature {
  readonly sensor: string;
  readonly celsius: number;
  /** Where the machine begins to slow itself down, or switches itself off. */
  readonly critical: number;
}

/** Of sensors that name no limit; a Raspberry Pi slows itself down there. */
const HOT_CELSIUS = 85;
/** A sensor that is not connected says anything. */
const PLAUSIBLE = { from: -40, to: 150 };

/** Reads sysfs below `root` (`/`; another folder in tests). */
export async function readHardware(root: string): Promise<Hardware> {
  const folder = join(root, "sys/class/hwmon");
  const temperatures: Temperature[] = [];
  let underVoltage = false;
  for (const device of (await readdir(folder).catch((): string[] => [])).toSorted()) {
    const text = (file: string): Promise<string | undefined> =>
      readFile(join(folder, device, file), "utf8").then(
        (found) => found.trim(),
        () => undefined,
      );
    const name = (await text("name")) ?? device;
    const files = await readdir(join(folder, device)).catch((): string[] => []);
    for (const file of files.filter((each) => /^temp\d+_input$/.test(each)).toSorted()) {
      const channel = file.slice(0, -"_input".length);
      const celsius = Number((await text(file)) ?? Number.NaN) / 1000;
      if (!(celsius >= PLAUSIBLE.from && celsius <= PLAUSIBLE.to)) continue;
      const limit = Number((await text(`${channel}_crit`)) ?? 0) / 1000;
      const label = (await text(`${channel}_label`)) ?? channel;
      temperatures.push({ sensor: `${name} ${label}`, celsius, critical: limit > 0 ? limit : HOT_CELSIUS });
    }
    if ((await text("in0_lcrit_alarm")) === "1") underVoltage = true;
  }
  return { temperatures, underVoltage };
}

/** What is wrong with it; whole degrees are left out, so that the same trouble is told in the same words. */
export function hardwareProblems({ temperatures, underVoltage }: Hardware): readonly string[] {
  const hot = temperatures.filter(({ celsius, critical }) => celsius >= critical);
  return [
    ...(underVoltage ? ["the power supply is too weak"] : []),
    ...hot.map(({ sensor, critical }) => `${sensor} is at ${critical} degrees or more`),
  ];
}
