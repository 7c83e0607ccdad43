import { createHash } from "node:crypto";
import type { HostVolume, VolumeClaim } from "#base/protocol/host-volume.ts";
import type { Node } from "#base/protocol/node.ts";
import type { Row } from "#base/state/table.ts";
import type { ClusterState } from "../../server/cluster-state.ts";
import { volumeStanding } from "../../server/volumes/volume-standing.ts";

/** A line of `/v1/volumes?type=host`. https://developer.hashicorp.com/nomad/api-docs/volumes */
export type VolumeAnswer = ReturnType<typeof volumeAnswer>;

/** The volumes of a node's configuration, as the API shows them. */
export function fixedVolumesOf({ value: node, createIndex, modifyIndex }: Row<Node>): VolumeAnswer[] {
  return Object.values(node.HostVolumes)
    .filter(({ Dynamic }) => Dynamic === undefined)
    .map(({ Name, Path, ReadOnly }) => ({
      ...EMPTY,
      ID: volumeId(node.ID, Name),
      Name,
      NodeID: node.ID,
      NodePool: node.NodePool,
      HostPath: Path,
      ReadOnly,
      CreateIndex: createIndex,
      ModifyIndex: modifyIndex,
    }));
}

/** A volume that was asked for, with what its node says of it. */
export function volumeAnswer(state: ClusterState, row: Row<HostVolume>) {
  const { Revision: _revision, Deleting: _deleting, ...volume } = row.value;
  const { state: standing, offered, news } = volumeStanding(state, row.value);
  const State: string = standing;
  return {
    ...volume,
    HostPath: offered?.Path ?? volume.HostPath,
    CapacityBytes: offered?.Dynamic?.CapacityBytes ?? volume.CapacityBytes,
    ReadOnly: offered?.ReadOnly ?? false,
    State,
    /** What its node complains of. */
    Error: news?.State === "failed" ? news.Message : "",
    CreateIndex: row.createIndex,
    ModifyIndex: Math.max(row.modifyIndex, state.node(volume.NodeID)?.modifyIndex ?? 0),
  };
}

export function claimAnswer({ value, createIndex, modifyIndex }: Row<VolumeClaim>) {
  const { Index: _index, ...claim } = value;
  return { ...claim, CreateIndex: createIndex, ModifyIndex: modifyIndex };
}

const READY: string = "ready";
const EMPTY = {
  Namespace: "default",
  PluginID: "",
  Constraints: [],
  RequestedCapacityMinBytes: 0,
  RequestedCapacityMaxBytes: 0,
  RequestedCapabilities: [],
  Parameters: {},
  CapacityBytes: 0,
  State: READY,
  Error: "",
  CreateTime: 0,
  ModifyTime: 0,
};

/** Shaped like a UUID (RFC 9562, version 8), the same for as long as the node offers it. */
function volumeId(nodeId: string, name: string): string {
  const hex = createHash("sha256").update(`${nodeId}/${name}`).digest("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
