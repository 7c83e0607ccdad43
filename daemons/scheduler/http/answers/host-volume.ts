import { createHash } from "node:crypto";
import type { Node } from "#base/protocol/node.ts";
import type { Row } from "#base/state/table.ts";

/** The volumes a node offers, as the API shows them. https://developer.hashicorp.com/nomad/api-docs/volumes */
export function volumesOf({ value: node, createIndex, modifyIndex }: Row<Node>) {
  return Object.values(node.HostVolumes).map(({ Name, Path, ReadOnly }) => ({
    ID: volumeId(node.ID, Name),
    Name,
    Namespace: "default",
    NodeID: node.ID,
    NodePool: node.NodePool,
    PluginID: "",
    HostPath: Path,
    ReadOnly,
    CapacityBytes: 0,
    State: "ready",
    CreateIndex: createIndex,
    ModifyIndex: modifyIndex,
  }));
}

/** Shaped like a UUID (RFC 9562, version 8), the same for as long as the node offers it. */
function volumeId(nodeId: string, name: string): string {
  const hex = createHash("sha256").update(`${nodeId}/${name}`).digest("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
