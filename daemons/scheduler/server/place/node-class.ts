import { createHash } from "node:crypto";
import type { OfferedVolume } from "#base/protocol/host-volume.ts";
import type { Node } from "#base/protocol/node.ts";

/**
 * Nodes of one class answer every constraint alike, as long as it names nothing `unique`: such a constraint is
 * checked once per class. `v1:` and 16 hex digits over everything a constraint can see.
 */
export function computeClass(node: Node): string {
  const seen = {
    dc: node.Datacenter,
    pool: node.NodePool,
    class: node.NodeClass,
    attributes: shared(node.Attributes),
    meta: shared(node.Meta),
    drivers: Object.entries(node.Drivers)
      .map(([name, info]) => `${name}:${info.Detected}:${info.Healthy}`)
      .toSorted(),
    volumes: Object.values(node.HostVolumes)
      .map(({ Name, ReadOnly, Dynamic }) => `${Name}:${ReadOnly}${Dynamic === undefined ? "" : traitsOf(Dynamic)}`)
      .toSorted(),
    networks: networkNames(node),
    devices: node.NodeResources.Devices.map(({ Vendor, Type, Name, Instances, Attributes }) => {
      const healthy = Instances.filter((each) => each.Healthy).length;
      return [`${Vendor}/${Type}/${Name}`, healthy, Object.entries(Attributes).toSorted(byKey)];
    }),
  };
  return `v1:${createHash("sha256").update(JSON.stringify(seen)).digest("hex").slice(0, 16)}`;
}

/** True for targets whose value differs between nodes of one class. */
export function isUnique(target: string): boolean {
  return /\$\{\s*(attr|meta|node)\.unique\./.test(target);
}

function shared(values: Readonly<Record<string, string>>): [string, string][] {
  return Object.entries(values)
    .filter(([name]) => !name.startsWith("unique."))
    .toSorted(([a], [b]) => (a < b ? -1 : 1));
}

function byKey([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : 1;
}

/** What placement looks at. */
function traitsOf({ Namespace, Capabilities }: OfferedVolume): string {
  const modes = Capabilities.map(({ AccessMode, AttachmentMode }) => `${AccessMode}/${AttachmentMode}`);
  return `:${Namespace}:${modes.join()}`;
}

function networkNames(node: Node): string[] {
  const aliases = node.NodeResources.NodeNetworks.flatMap((each) => each.Addresses.map((address) => address.Alias));
  return [...new Set(aliases)].toSorted();
}
