import type { HostVolume } from "#base/protocol/host-volume.ts";
import { volumeOfIndex } from "../place/volumes.ts";
import { indexOfName, isClientTerminal, type KnownAlloc } from "../alloc-state.ts";
import type { ClusterState } from "../cluster-state.ts";

/** Allocations that have the volume mounted, or are about to. */
export function volumeUsers(state: ClusterState, volume: HostVolume): KnownAlloc[] {
  return state.nodeAllocs(volume.NodeID).filter((known) => {
    const { alloc } = known;
    if (alloc.Namespace !== volume.Namespace || isClientTerminal(known)) return false;
    const job = state.jobVersion(alloc.Namespace, alloc.JobID, alloc.JobVersion)?.value;
    const group = job?.TaskGroups.find(({ Name }) => Name === alloc.TaskGroup);
    return Object.values(group?.Volumes ?? {}).some(({ Type, Source, PerAlloc }) => {
      const name = PerAlloc ? volumeOfIndex(Source, indexOfName(alloc.Name)) : Source;
      return Type === "host" && name === volume.Name;
    });
  });
}
