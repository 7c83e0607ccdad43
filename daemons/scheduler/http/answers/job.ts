import type { Job } from "#base/protocol/job.ts";
import { jobToWire } from "#base/protocol/job-wire.ts";
import type { Row } from "#base/state/table.ts";
import type { ClusterState } from "../../server/cluster-state.ts";
import { isTemplate } from "../../server/job-endpoint.ts";
import { standingOf, type JobStanding } from "../../server/job-status.ts";
import { childrenOf } from "../../server/periodic.ts";

/** A job as `/v1/job/:id` gives it. https://developer.hashicorp.com/nomad/api-docs/jobs#read-job */
export function jobAnswer(state: ClusterState, row: Row<Job>) {
  const standing = standingOf(state, row);
  const version = state.jobVersion(row.namespace, row.id, row.value.Version)?.value;
  return {
    ...jobToWire({
      ...row.value,
      Stable: version?.Stable ?? row.value.Stable,
      VersionTag: version?.VersionTag ?? null,
    }),
    Status: standing.status,
    StatusDescription: "",
    CreateIndex: row.createIndex,
    ModifyIndex: standing.modifyIndex,
    JobModifyIndex: row.modifyIndex,
  };
}

/** One of the versions that are kept. */
export function versionAnswer(state: ClusterState, row: Row<Job>) {
  const current = state.job(row.value.Namespace, row.value.ID);
  return {
    ...jobToWire(row.value),
    Status: current === undefined ? "dead" : standingOf(state, current).status,
    StatusDescription: "",
    CreateIndex: current?.createIndex ?? row.createIndex,
    ModifyIndex: row.modifyIndex,
    JobModifyIndex: row.createIndex,
  };
}

/** A line of `/v1/jobs`. */
export function jobStub(state: ClusterState, row: Row<Job>, withMeta: boolean) {
  const { value: job } = row;
  const standing = standingOf(state, row);
  return {
    ID: job.ID,
    ParentID: job.ParentID,
    Name: job.Name,
    Namespace: job.Namespace,
    Datacenters: job.Datacenters,
    NodePool: job.NodePool,
    Multiregion: job.Multiregion,
    Type: job.Type,
    Priority: job.Priority,
    Periodic: job.Periodic !== null,
    ParameterizedJob: job.ParameterizedJob !== null,
    Stop: job.Stop,
    Status: standing.status,
    StatusDescription: "",
    JobSummary: summaryAnswer(state, row, standing),
    CreateIndex: row.createIndex,
    ModifyIndex: standing.modifyIndex,
    JobModifyIndex: row.modifyIndex,
    SubmitTime: job.SubmitTime,
    ...(withMeta ? { Meta: job.Meta } : {}),
  };
}

export function summaryAnswer(state: ClusterState, row: Row<Job>, standing: JobStanding) {
  return {
    JobID: row.id,
    Namespace: row.namespace,
    Summary: standing.summary,
    Children: childCounts(state, row),
    CreateIndex: row.createIndex,
    ModifyIndex: standing.modifyIndex,
  };
}

/** The jobs a periodic job made, by status. */
function childCounts(state: ClusterState, row: Row<Job>) {
  const counts = { Pending: 0, Running: 0, Dead: 0 };
  if (!isTemplate(row.value)) return counts;
  for (const child of childrenOf(state, row)) {
    const { status } = standingOf(state, child);
    counts[status === "pending" ? "Pending" : status === "running" ? "Running" : "Dead"] += 1;
  }
  return counts;
}
