import type { Job, TaskGroup } from "#base/protocol/job.ts";
import type { DeploymentState } from "#base/protocol/deployment.ts";
import type { KnownAlloc } from "../alloc-state.ts";

/** What should change for one job. Nothing here was placed yet: that needs nodes. */
export interface Decision {
  readonly stops: Stop[];
  /** Keep running, under the new version of the job. */
  readonly updates: KnownAlloc[];
  readonly placements: Placement[];
  /** Allocations that are to be looked at again later: failed ones, and those whose node is out of reach. */
  readonly later: { readonly known: KnownAlloc; readonly atNs: number; readonly why: "failed" | "away" }[];
  /** Their node is out of reach from now on. */
  readonly unknown: KnownAlloc[];
  /** Their node is back, and they go on. */
  readonly reconnects: KnownAlloc[];
  /** Groups of a deployment that has to be made for this version. */
  deployment: Record<string, DeploymentState> | undefined;
  /** System jobs: how many nodes each group of the deployment aims at now. */
  readonly totals: Record<string, number>;
  /** By group. */
  readonly desired: Record<string, DesiredUpdates>;
}

export interface Stop {
  readonly known: KnownAlloc;
  readonly description: string;
  /** Its node is gone: nobody will report the end. */
  readonly lost: boolean;
}

/** Field names as in a plan's annotations: https://developer.hashicorp.com/nomad/api-docs/jobs#create-job-plan */
export interface DesiredUpdates {
  Ignore: number;
  Place: number;
  Migrate: number;
  Stop: number;
  InPlaceUpdate: number;
  DestructiveUpdate: number;
  Canary: number;
  Preemptions: number;
}

export interface Placement {
  readonly name: string;
  readonly group: TaskGroup;
  /** An older version it is to run, because canaries of the newest are not promoted yet. */
  readonly olderJob: Job | undefined;
  readonly reason: "new" | "update" | "migrate" | "lost" | "reschedule";
  readonly canary: boolean;
  /** Whom it follows. */
  readonly previous: KnownAlloc | undefined;
  /** Stop `previous` when, and only when, this one found a place. */
  readonly stopPrevious: string | undefined;
  /** System jobs: the one node it is meant for. */
  readonly nodeId: string | undefined;
}

export const STOP_NOT_NEEDED = "alloc not needed due to job update";
export const STOP_UPDATED = "alloc is being updated due to job update";
export const STOP_LOST = "alloc is lost since its node is down";
export const STOP_MIGRATING = "alloc is being migrated";
export const STOP_RESCHEDULED = "alloc was rescheduled because it failed";
export const STOP_RECONNECTED = "alloc not needed due to disconnected client reconnect";
export const STOP_NODE_TAINTED = "system alloc not needed as node is tainted";

export function emptyDecision(): Decision {
  return {
    stops: [],
    updates: [],
    placements: [],
    later: [],
    unknown: [],
    reconnects: [],
    deployment: undefined,
    totals: {},
    desired: {},
  };
}

export function noUpdates(): DesiredUpdates {
  return {
    Ignore: 0,
    Place: 0,
    Migrate: 0,
    Stop: 0,
    InPlaceUpdate: 0,
    DestructiveUpdate: 0,
    Canary: 0,
    Preemptions: 0,
  };
}
