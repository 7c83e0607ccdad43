import type { Node, NodeDevice } from "#base/protocol/node.ts";

/** Drivers' attributes stand among the node's, as constraints read them. */
export function withDrivers(node: Node, drivers: Node["Drivers"]): Node {
  const kept = Object.entries(node.Attributes).filter(([name]) => !name.startsWith("driver."));
  const added = Object.values(drivers).flatMap((info) =>
    info.Detected && info.Healthy ? Object.entries(info.Attributes) : [],
  );
  return { ...node, Drivers: drivers, Attributes: Object.fromEntries([...kept, ...added]) };
}

export function withDevices(node: Node, found: readonly NodeDevice[] | undefined): Node {
  return found === undefined ? node : { ...node, NodeResources: { ...node.NodeResources, Devices: [...found] } };
}
