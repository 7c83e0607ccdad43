import type { HostVolume, VolumeNews } from "#base/protocol/host-volume.ts";
import type { NodeVolume } from "#base/protocol/node.ts";
import type { ClusterState } from "../cluster-state.ts";

/** As the API names them; a failed one stays `pending` until somebody asks for it again. */
export type VolumeState = "pending" | "ready" | "unavailable" | "deleting";

export interface VolumeStanding {
  readonly state: VolumeState;
  /** What its node offers of it; undefined: nothing yet. */
  readonly offered: NodeVolume | undefined;
  /** What its node says of it as it is wanted now; undefined: nothing. */
  readonly news: VolumeNews | undefined;
}

/** How a volume stands, from what its node last said. */
export function volumeStanding(state: ClusterState, volume: HostVolume): VolumeStanding {
  const node = state.node(volume.NodeID)?.value;
  const own = node?.HostVolumes[volume.Name];
  const offered = own?.Dynamic?.ID === volume.ID ? own : undefined;
  const told = node?.HostVolumeNews?.[volume.ID];
  const news = told?.Revision === volume.Revision ? told : undefined;
  return { state: stateOf(state, volume, offered), offered, news };
}

function stateOf(state: ClusterState, volume: HostVolume, offered: NodeVolume | undefined): VolumeState {
  if (volume.Deleting) return "deleting";
  if (state.nodeState(volume.NodeID)?.value.Status !== "ready") return "unavailable";
  return offered?.Dynamic?.Revision === volume.Revision ? "ready" : "pending";
}
