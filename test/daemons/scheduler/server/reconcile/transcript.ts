import type { AllocClientStatus } from "#base/protocol/alloc.ts";
import type { Deployment } from "#base/protocol/deployment.ts";
import type { Job } from "#base/protocol/job.ts";
import type { KnownAlloc } from "#daemons/scheduler/server/alloc-state.ts";
import type { Decision } from "#daemons/scheduler/server/reconcile/decision.ts";
import { reconcile } from "#daemons/scheduler/server/reconcile/reconcile.ts";
import { newAllocRecord } from "../records.ts";

export const MINUTE_NS = 60e9;

/** An allocation in short: `web[0] v1 running on n1`. */
export interface Line {
  readonly name: string;
  readonly version?: number;
  readonly status?: AllocClientStatus;
  readonly node?: string;
  readonly fields?: Partial<KnownAlloc["alloc"]>;
  readonly report?: Record<string, unknown>;
}

export interface Story {
  readonly job: Job | undefined;
  readonly versions?: readonly Job[];
  readonly allocs: readonly Line[];
  readonly downNodes?: readonly string[];
  readonly deployment?: Deployment;
  readonly nowNs?: number;
  readonly jobCreateIndex?: number;
  readonly feasible?: readonly string[];
}

export function knownOf(
  { name, version = 0, status = "running", node = "n1", fields, report }: Line,
  at: number,
): KnownAlloc {
  const group = /^(.*)\[/.exec(name)?.[1] ?? "web";
  const alloc = {
    ...newAllocRecord(`alloc-${at}`),
    Name: `app.${name}`,
    TaskGroup: group,
    NodeID: node,
    JobVersion: version,
    ...fields,
  };
  return {
    alloc,
    report: {
      AllocID: alloc.ID,
      NodeID: node,
      ClientStatus: status,
      ClientDescription: "",
      TaskStates: {},
      DeploymentStatus: null,
      NetworkStatus: null,
      ModifyTime: 0,
      DeploymentID: "",
      UnknownSince: 0,
      ...report,
    },
    createIndex: 10,
    allocIndex: 10,
    modifyIndex: 10,
  };
}

export function decide(story: Story): Decision {
  const allocs = story.allocs.map(knownOf);
  return reconcile(
    {
      jobId: "app",
      job: story.job,
      jobCreateIndex: story.jobCreateIndex ?? 1,
      versionOf: ({ alloc }) => [...(story.versions ?? []), story.job].find((job) => job?.Version === alloc.JobVersion),
      allocs,
      fateOf: (node) => (story.downNodes?.includes(node) === true ? "down" : "fine"),
      mayStay: () => true,
      deployment: story.deployment,
      nowNs: story.nowNs ?? 1000 * MINUTE_NS,
    },
    () => story.feasible ?? [],
  );
}

/** A decision as lines, in an order that depends on nothing. */
export function transcript(decision: Decision): string[] {
  const short = (name: string): string => name.replace(/^app\./, "");
  return [
    ...decision.stops.map(
      ({ known, lost, description }) => `stop ${short(known.alloc.Name)}${lost ? " lost" : ""}: ${description}`,
    ),
    ...decision.updates.map((known) => `update ${short(known.alloc.Name)}`),
    ...decision.placements.map(
      ({ name, reason, canary, previous, stopPrevious, nodeId }) =>
        `place ${short(name)} ${reason}${canary ? " canary" : ""}${previous === undefined ? "" : ` after ${short(previous.alloc.Name)}`}` +
        `${stopPrevious === undefined ? "" : ", stopping it"}${nodeId === undefined ? "" : ` on ${nodeId}`}`,
    ),
    ...decision.later.map(({ known, atNs }) => `later ${short(known.alloc.Name)} at ${atNs / 1e9} s`),
    ...(decision.deployment === undefined ? [] : [`deployment of ${Object.keys(decision.deployment).join(", ")}`]),
  ].toSorted();
}
