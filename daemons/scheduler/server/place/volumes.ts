import type { Node } from "#base/protocol/node.ts";
import type { VolumeAsk } from "./ask.ts";

/** What nodes are left out for when they do not offer a volume. */
export const MISSING_VOLUMES = "missing compatible host volumes";

/** The volume of one instance: `per_alloc` numbers them. https://developer.hashicorp.com/nomad/docs/job-specification/volume */
export function volumeOfIndex(source: string, index: number): string {
  return `${source}[${index}]`;
}

/** Whether a node offers what every instance asks for and, of volumes that each instance has its own of, any. */
export function hasVolumes(node: Node, asks: readonly VolumeAsk[]): boolean {
  return asks.every(({ source, write, perAlloc }) => {
    if (!perAlloc) return offers(node, source, write);
    return Object.keys(node.HostVolumes).some((name) => isOneOf(name, source) && offers(node, name, write));
  });
}

/** Whether a node offers the volumes of this very instance. */
export function hasOwnVolumes(node: Node, asks: readonly VolumeAsk[], index: number): boolean {
  return asks.every(
    ({ source, write, perAlloc }) => !perAlloc || offers(node, volumeOfIndex(source, Math.max(0, index)), write),
  );
}

function isOneOf(name: string, source: string): boolean {
  return name.startsWith(`${source}[`) && /^\d+\]$/.test(name.slice(source.length + 1));
}

function offers(node: Node, name: string, write: boolean): boolean {
  const volume = node.HostVolumes[name];
  return volume !== undefined && !(write && volume.ReadOnly);
}
