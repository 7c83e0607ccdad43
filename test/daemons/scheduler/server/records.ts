import * as v from "valibot";
import { AllocSchema, type Alloc } from "#base/protocol/alloc.ts";
import { DeploymentSchema, type Deployment } from "#base/protocol/deployment.ts";
import { newDeploymentState } from "#daemons/scheduler/server/reconcile/update-limit.ts";
import type { Job } from "#base/protocol/job.ts";

/** An allocation that runs nothing, for tests that only look at its bookkeeping. */
export function newAllocRecord(id: string): Alloc {
  return v.parse(AllocSchema, {
    ID: id,
    Namespace: "default",
    JobID: "app",
    AllocatedResources: { Tasks: {}, Shared: { DiskMB: 0, Networks: [], Ports: [] } },
    DesiredStatus: "run",
  });
}

export function newDeploymentRecord(job: Job, fields: Partial<Deployment> = {}): Deployment {
  return v.parse(DeploymentSchema, {
    ID: "deployment-1",
    Namespace: job.Namespace,
    JobID: job.ID,
    JobVersion: job.Version,
    TaskGroups: Object.fromEntries(
      job.TaskGroups.map((group) => [group.Name, newDeploymentState(group, group.Update?.Canary ?? 0)]),
    ),
    Status: "running",
    ...fields,
  });
}
