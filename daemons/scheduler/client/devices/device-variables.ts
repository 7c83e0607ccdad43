import type { Task } from "#base/protocol/task.ts";
import type { TaskDevice } from "#drivers/driver.ts";
import { cleanName } from "../alloc/clean-name.ts";

export interface GivenDevices {
  /** In the order the task asks for them. */
  readonly found: readonly TaskDevice[];
  /** The task has a root of its own, with the devices' files in it. */
  readonly inImage: boolean;
}

/**
 * Where the task finds its devices: `NOMAD_DEVICE_SERIAL` by type, `NOMAD_DEVICE_SERIAL_ARDUINO` as the task asks for it
 * (`device "serial/arduino"`); several stand with commas between them. And what the devices' own programs look for.
 */
export function deviceVariables({ found, inImage }: GivenDevices, task: Task): Record<string, string> {
  const paths = new Map<string, string[]>();
  const add = (label: string, device: TaskDevice): void => {
    const name = `NOMAD_DEVICE_${cleanName(label).toUpperCase()}`;
    const path = (inImage ? device.nodes[0]?.taskPath : undefined) ?? device.stablePath;
    const before = paths.get(name) ?? [];
    if (!before.includes(path)) paths.set(name, [...before, path]);
  };
  const asked = task.Resources.Devices.flatMap(({ Name, Count }) => Array.from({ length: Count }, () => Name));
  for (const [index, device] of found.entries()) {
    add(device.type, device);
    const label = asked[index];
    if (label !== undefined) add(label, device);
  }
  const own = found.flatMap(({ env }) => Object.entries(env));
  return { ...Object.fromEntries(own), ...Object.fromEntries([...paths].map(([name, all]) => [name, all.join(",")])) };
}
