import type { Random } from "#base/env/random.ts";
import type { Alloc } from "#base/protocol/alloc.ts";
import type { VolumeClaim } from "#base/protocol/host-volume.ts";
import type { TaskGroup } from "#base/protocol/job.ts";
import type { VolumeRequest } from "#base/protocol/task.ts";
import { volumeClaims } from "#base/state/tables.ts";
import { indexOfName } from "../alloc-state.ts";
import type { ClusterState } from "../cluster-state.ts";
import { claimKey, volumeOfIndex, type VolumeClaims } from "../place/volumes.ts";

/** The volumes that instances of a group keep to. */
export function claimsOf(
  state: ClusterState,
  at: { namespace: string; jobId: string; group: TaskGroup },
): VolumeClaims {
  const sticky = stickyOf(at.group);
  if (sticky.length === 0) return new Map();
  const claims = groupClaims(state, at.namespace, { jobId: at.jobId, group: at.group.Name });
  return new Map(
    claims.flatMap((claim): [string, string][] => {
      const request = sticky.find((each) => nameOf(each, claim.Index) === claim.VolumeName);
      return request === undefined ? [] : [[claimKey(claim.Index, request.Source), claim.VolumeID]];
    }),
  );
}

/** The claims of a new allocation as they are to be written: new ones, and those it takes over. */
export function claimsFor(
  { state, random }: { readonly state: ClusterState; readonly random: Random },
  alloc: Alloc,
  group: TaskGroup,
): VolumeClaim[] {
  const sticky = stickyOf(group);
  if (sticky.length === 0) return [];
  const Index = Math.max(0, indexOfName(alloc.Name));
  const { Namespace, JobID, TaskGroup: TaskGroupName, ID: AllocID } = alloc;
  const known = groupClaims(state, Namespace, { jobId: JobID, group: TaskGroupName });
  const offered = state.node(alloc.NodeID)?.value.HostVolumes ?? {};
  return sticky.flatMap((request) => {
    const VolumeName = nameOf(request, Index);
    const VolumeID = offered[VolumeName]?.Dynamic?.ID;
    if (VolumeID === undefined) return [];
    const before = known.find((claim) => claim.Index === Index && claim.VolumeName === VolumeName);
    const ID = before?.ID ?? random.uuid();
    return [{ ID, Namespace, JobID, TaskGroupName, AllocID, Index, VolumeID, VolumeName }];
  });
}

function groupClaims(
  state: ClusterState,
  namespace: string,
  of: { readonly jobId: string; readonly group: string },
): VolumeClaim[] {
  const claims = [...state.view.table(volumeClaims).by("job", `${namespace}/${of.jobId}`)];
  return claims.map(({ value }) => value).filter(({ TaskGroupName }) => TaskGroupName === of.group);
}

function stickyOf({ Volumes }: TaskGroup): VolumeRequest[] {
  return Object.values(Volumes).filter(({ Type, Sticky }) => Type === "host" && Sticky);
}

function nameOf({ Source, PerAlloc }: VolumeRequest, index: number): string {
  return PerAlloc ? volumeOfIndex(Source, index) : Source;
}
