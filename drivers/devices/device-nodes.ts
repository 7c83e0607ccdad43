import type { DeviceNode, TaskDevice } from "../driver.ts";

/** The files of all of them, each once: two sound cards share a timer. */
export function distinctNodes(devices: readonly TaskDevice[]): readonly DeviceNode[] {
  const byPath = new Map(devices.flatMap(({ nodes }) => nodes.map((node) => [node.taskPath, node])));
  return [...byPath.values()];
}
