import { createHash } from "node:crypto";
import type { Job } from "#base/protocol/job.ts";
import type { ScalingPolicy } from "#base/protocol/policies.ts";
import type { Row, View } from "#base/state/table.ts";
import { jobs } from "#base/state/tables.ts";

/** A policy with what it is about: a group, or a task of one. */
export interface TargetedPolicy {
  readonly id: string;
  readonly namespace: string;
  readonly policy: ScalingPolicy;
  readonly target: Readonly<Record<string, string>>;
  readonly createIndex: number;
  readonly modifyIndex: number;
}

/** The policies of jobs that are not stopped. `namespace` undefined: all of them. */
export function* scalingPolicies(view: View, namespace: string | undefined): Generator<TargetedPolicy, void, void> {
  for (const row of view.table(jobs).list(namespace)) yield* policiesOf(row);
}

export function* policiesOf({ value: job, createIndex, modifyIndex }: Row<Job>): Generator<TargetedPolicy, void, void> {
  if (job.Stop) return;
  const make = (policy: ScalingPolicy, target: Readonly<Record<string, string>>): TargetedPolicy => ({
    id: policyId({ Namespace: job.Namespace, Job: job.ID, ...target, Type: policy.Type }),
    namespace: job.Namespace,
    policy,
    target: { Namespace: job.Namespace, Job: job.ID, ...target },
    createIndex,
    modifyIndex,
  });
  for (const group of job.TaskGroups) {
    if (group.Scaling !== null) yield make(group.Scaling, { Group: group.Name });
    for (const task of group.Tasks) {
      for (const policy of task.ScalingPolicies) yield make(policy, { Group: group.Name, Task: task.Name });
    }
  }
}

/** Shaped like a UUID (RFC 9562, version 8), and the same for as long as the target has its names. */
function policyId(target: Readonly<Record<string, string>>): string {
  const hex = createHash("sha256")
    .update(JSON.stringify(Object.entries(target)))
    .digest("hex");
  const parts = [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `8${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ];
  return parts.join("-");
}
