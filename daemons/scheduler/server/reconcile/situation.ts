import type { Deployment } from "#base/protocol/deployment.ts";
import type { Job, TaskGroup } from "#base/protocol/job.ts";
import type { KnownAlloc } from "../alloc-state.ts";

/** How a node stands as far as its allocations are concerned. `gone`: nobody knows it any more. */
export type NodeFate = "fine" | "disconnected" | "down" | "gone";

/** Everything a reconciliation looks at; the answer depends on nothing else. */
export interface Situation {
  readonly jobId: string;
  /** Undefined: purged. */
  readonly job: Job | undefined;
  /** Revision the job was first registered at: older allocations belong to an earlier job of the same name. */
  readonly jobCreateIndex: number;
  /** The version an allocation runs; undefined when it is not kept any more. */
  readonly versionOf: (known: KnownAlloc) => Job | undefined;
  readonly allocs: readonly KnownAlloc[];
  readonly fateOf: (nodeId: string) => NodeFate;
  /** Whether its node still meets the constraints of the new version. */
  readonly mayStay: (known: KnownAlloc, group: TaskGroup) => boolean;
  /** The newest deployment of this version of the job, whatever its status. */
  readonly deployment: Deployment | undefined;
  readonly nowNs: number;
}
