import type { Deployment } from "#base/protocol/deployment.ts";
import type { Job } from "#base/protocol/job.ts";
import type { Row } from "#base/state/table.ts";
import { clientStatus, type KnownAlloc } from "../../server/alloc-state.ts";
import type { ClusterState } from "../../server/cluster-state.ts";
import { healthOf } from "../../server/health.ts";
import { isTemplate } from "../../server/job-endpoint.ts";
import { standingOf } from "../../server/job-status.ts";
import { childrenOf } from "../../server/periodic.ts";
import { isActive } from "../../server/reconcile/standing.ts";

/** A job with what a list of jobs draws of it. */
export function jobStatusAnswer(state: ClusterState, row: Row<Job>) {
  const { value: job } = row;
  const { status, modifyIndex } = standingOf(state, row);
  const [deployment] = state.jobDeployments(row.namespace, row.id);
  return {
    ID: job.ID,
    Name: job.Name,
    Namespace: job.Namespace,
    ParentID: job.ParentID,
    Type: job.Type,
    NodePool: job.NodePool,
    Datacenters: job.Datacenters,
    Priority: job.Priority,
    Version: job.Version,
    Status: status,
    Stop: job.Stop,
    IsPack: Object.hasOwn(job.Meta, "pack.name"),
    UI: job.UI,
    GroupCountSum: job.TaskGroups.reduce((sum, { Count }) => sum + (Count ?? 0), 0),
    Allocs: state.jobAllocs(row.namespace, row.id).map(allocStatus),
    ChildStatuses: isTemplate(job) ? childrenOf(state, row).map((child) => standingOf(state, child).status) : null,
    LatestDeployment: deployment === undefined ? null : deploymentStatus(deployment),
    SubmitTime: job.SubmitTime,
    CreateIndex: row.createIndex,
    ModifyIndex: modifyIndex,
  };
}

function allocStatus(known: KnownAlloc) {
  const { alloc } = known;
  return {
    ID: alloc.ID,
    Group: alloc.TaskGroup,
    NodeID: alloc.NodeID,
    JobVersion: alloc.JobVersion,
    ClientStatus: clientStatus(known),
    DeploymentStatus: { Canary: alloc.Canary, Healthy: healthOf(known).Healthy },
    FollowupEvalID: alloc.FollowupEvalID,
    HasPausedTask: false,
  };
}

function deploymentStatus({ value }: Row<Deployment>) {
  const groups = Object.values(value.TaskGroups);
  return {
    ID: value.ID,
    IsActive: isActive(value.Status),
    JobVersion: value.JobVersion,
    Status: value.Status,
    StatusDescription: value.StatusDescription,
    AllAutoPromote: groups.every(({ AutoPromote }) => AutoPromote),
    RequiresPromotion: groups.some(({ DesiredCanaries, Promoted }) => DesiredCanaries > 0 && !Promoted),
  };
}
