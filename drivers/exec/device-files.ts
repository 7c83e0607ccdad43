import type { Disk } from "#base/env/disk.ts";
import { distinctNodes } from "../devices/device-nodes.ts";
import type { DeviceNode, TaskDevice } from "../driver.ts";

/** A device's file inside a container. */
export interface DeviceFile extends DeviceNode {
  readonly kind: "c" | "b";
  readonly major: number;
  readonly minor: number;
  /** A terminal of devpts answers only through its own file: a new one with the same numbers is dead. */
  readonly isTerminal: boolean;
}

/** Major numbers of pseudo-terminals (https://docs.kernel.org/admin-guide/devices.html). */
const PSEUDO_TERMINALS = { first: 136, last: 143 } as const;

/** Those of the task's devices that are there, with the numbers the kernel knows them by. */
export async function deviceFiles(disk: Disk, devices: readonly TaskDevice[]): Promise<readonly DeviceFile[]> {
  const files = await Promise.all(
    distinctNodes(devices).map(async (node): Promise<DeviceFile[]> => {
      const device = (await disk.stat(node.hostPath).catch(() => undefined))?.device;
      if (device === undefined) return [];
      const isTerminal = device.major >= PSEUDO_TERMINALS.first && device.major <= PSEUDO_TERMINALS.last;
      return [{ ...node, ...device, kind: "c", isTerminal }];
    }),
  );
  return files.flat();
}
