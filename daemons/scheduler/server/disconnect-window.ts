import { isTerminal } from "./alloc-state.ts";
import type { ClusterState } from "./cluster-state.ts";

/**
 * How long a silent node is taken for disconnected rather than down: the longest `lost_after` of what runs there, in
 * nanoseconds; 0: nothing there waits.
 * https://developer.hashicorp.com/nomad/docs/job-specification/disconnect#lost-after
 */
export function disconnectWindow(state: ClusterState, nodeId: string): number {
  let longest = 0;
  for (const known of state.nodeAllocs(nodeId)) {
    if (isTerminal(known)) continue;
    const { Namespace, JobID, JobVersion, TaskGroup } = known.alloc;
    const job = state.jobVersion(Namespace, JobID, JobVersion)?.value;
    const group = job?.TaskGroups.find(({ Name }) => Name === TaskGroup);
    longest = Math.max(longest, group?.Disconnect?.LostAfter ?? 0);
  }
  return longest;
}
