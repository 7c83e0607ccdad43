import type { Random } from "#base/env/random.ts";
import type { AllocMetric } from "#base/protocol/alloc.ts";
import type { Job, TaskGroup } from "#base/protocol/job.ts";
import type { AllocatedResources } from "#base/protocol/resources.ts";
import type { NodeTable } from "./node-table.ts";
import type { Victim } from "./preempt.ts";
import type { VolumeClaims } from "./volumes.ts";
import type { SchedulerAlgorithm } from "./score.ts";

export interface GroupPlacerOptions {
  readonly table: NodeTable;
  readonly job: Job;
  readonly group: TaskGroup;
  readonly algorithm: SchedulerAlgorithm;
  readonly oversubscribes: boolean;
  readonly random: Random;
  /** The job's allocations that stay: node id and group of each. */
  readonly staying: readonly { readonly nodeId: string; readonly group: string }[];
  /** Where the job may take the place of less important ones: whom on a node. */
  readonly victimsOn?: ((nodeId: string) => readonly Victim[]) | undefined;
  /** Volumes that instances keep to. Default: none. */
  readonly claims?: VolumeClaims;
  /** Worked out over several turns: nodes are looked at for room by {@link GroupPlacer.lookForRoom} only. */
  readonly patient?: boolean;
}

export interface PlaceRequest {
  readonly allocId: string;
  /** Which one of its group it is. */
  readonly index?: number;
  /** Nodes to avoid: where the allocation failed before. */
  readonly penaltyNodes: ReadonlySet<string>;
  /** Taken if it fits, whatever its score: where the allocation's data lies. */
  readonly preferredNode?: string;
}

export interface Placed {
  readonly nodeId: string;
  readonly nodeName: string;
  readonly resources: AllocatedResources;
  readonly metric: AllocMetric;
  /** Who has to end for it. */
  readonly evicted: readonly Victim[];
}
