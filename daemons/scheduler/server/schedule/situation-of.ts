import type { NodeStatus } from "#base/protocol/node.ts";
import { indexOfName, type KnownAlloc } from "../alloc-state.ts";
import type { ClusterState } from "../cluster-state.ts";
import type { NodeTable } from "../place/node-table.ts";
import { mayRunOn } from "../place/screen.ts";
import type { NodeFate, Situation } from "../reconcile/situation.ts";
import type { ScheduleRequest } from "./request.ts";
import { STRIDE, type Steps } from "./steps.ts";

/** Gathers what reconciliation looks at, from one state of the view. */
export function* situationOf(state: ClusterState, request: ScheduleRequest, table: NodeTable): Steps<Situation> {
  const { Namespace, JobID } = request.evaluation;
  const row = state.job(Namespace, JobID);
  const job = request.proposed ?? row?.value;
  const jobCreateIndex = row?.createIndex ?? 0;
  const allocs: KnownAlloc[] = [];
  for (const [at, each] of state.jobAllocRows(Namespace, JobID).entries()) {
    if (at % STRIDE === 0) yield;
    allocs.push(state.known(each));
  }
  return {
    jobId: JobID,
    job,
    jobCreateIndex,
    versionOf: ({ alloc }: KnownAlloc) =>
      row !== undefined && row.value.Version === alloc.JobVersion
        ? row.value
        : state.jobVersion(Namespace, JobID, alloc.JobVersion)?.value,
    allocs,
    fateOf: (nodeId) => request.fates?.get(nodeId) ?? fateOf(state.nodeState(nodeId)?.value.Status),
    mayStay: (known, group) => {
      const slot = table.slotOf(known.alloc.NodeID);
      const node = slot === undefined ? undefined : table.at(slot)?.node;
      return (
        job !== undefined && node !== undefined && mayRunOn(node, { job, group, index: indexOfName(known.alloc.Name) })
      );
    },
    deployment: state
      .jobDeployments(Namespace, JobID)
      .map(({ value }) => value)
      .find((each) => each.JobVersion === job?.Version && each.JobCreateIndex === jobCreateIndex),
    nowNs: request.nowNs,
  };
}

function fateOf(status: NodeStatus | undefined): NodeFate {
  switch (status) {
    case undefined:
      return "gone";
    case "down":
    case "disconnected":
      return status;
    case "ready":
    case "initializing":
      return "fine";
    default:
      return status satisfies never;
  }
}
