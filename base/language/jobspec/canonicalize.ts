import { isJobType } from "./job-type.ts";
import type { Job, JobType, TaskGroup } from "#base/protocol/job.ts";
import type { DisconnectStrategy, ReschedulePolicy, ScalingPolicy, UpdateStrategy } from "#base/protocol/policies.ts";
import type { Service } from "#base/protocol/service.ts";
import type { Task } from "#base/protocol/task.ts";
import { canonicalTask } from "./canonical-task.ts";
import { canonicalNetwork } from "./canonical-network.ts";
import { canonicalService } from "./canonical-service.ts";
import {
  DEFAULT_DISK_MB,
  DEFAULT_MIGRATE,
  DEFAULT_PRIORITY,
  DEFAULT_RESCHEDULE,
  DEFAULT_RESTART,
  DEFAULT_UPDATE,
} from "./defaults.ts";
import { overlay } from "./overlay.ts";

/** What a cluster may set differently. */
export interface JobDefaults {
  readonly defaultPriority?: number;
}

/**
 * The job with every default filled in, so that nothing behind this needs to know one. Applying it twice changes nothing.
 * What a group does not say of `update`, `reschedule` and `migrate`, the job says; what that does not say, the job's type.
 */
export function canonicalize(job: Job, { defaultPriority = DEFAULT_PRIORITY }: JobDefaults = {}): Job {
  const ID = job.ID.trim();
  const Type = job.Type === "" ? "service" : job.Type;
  const kind: JobType = isJobType(Type) ? Type : "service";
  const Update = rolls(kind) ? overlay(staggered(job.Update, kind), DEFAULT_UPDATE) : null;
  const named: Job = {
    ...job,
    ID,
    Name: job.Name === "" ? ID : job.Name,
    Region: job.Region === "" ? "global" : job.Region,
    Namespace: job.Namespace === "" ? "default" : job.Namespace,
    Type,
    Priority: job.Priority === null || job.Priority === 0 ? defaultPriority : job.Priority,
    AllAtOnce: job.AllAtOnce ?? false,
    Datacenters: job.Datacenters.length === 0 ? ["*"] : job.Datacenters,
    NodePool: job.NodePool === "" ? "default" : job.NodePool,
    Update,
    ParameterizedJob:
      job.ParameterizedJob === null
        ? null
        : {
            ...job.ParameterizedJob,
            Payload: job.ParameterizedJob.Payload === "" ? "optional" : job.ParameterizedJob.Payload,
          },
  };
  return { ...named, TaskGroups: job.TaskGroups.map((group) => canonicalGroup(group, named, kind)) };
}

/** Kinds of jobs that are updated step by step. */
function rolls(kind: JobType): boolean {
  return kind === "service" || kind === "system";
}

/**
 * The older word of system jobs for how long an update has to have been well; one that the deadline would not let come
 * true is left alone. https://developer.hashicorp.com/nomad/docs/job-specification/update#stagger
 */
function staggered(update: UpdateStrategy | null, kind: JobType): UpdateStrategy | null {
  if (kind !== "system" || update === null || update.Stagger === null || update.MinHealthyTime !== null) return update;
  const fits = update.Stagger < (update.HealthyDeadline ?? DEFAULT_UPDATE.HealthyDeadline ?? 0);
  return fits ? { ...update, MinHealthyTime: update.Stagger } : update;
}

function canonicalGroup(group: TaskGroup, job: Job, kind: JobType): TaskGroup {
  const Count = group.Count ?? group.Scaling?.Min ?? 1;
  const RestartPolicy = overlay(group.RestartPolicy, DEFAULT_RESTART[kind]);
  const Disconnect = disconnect(group);
  const naming = { job, group };
  return {
    ...group,
    Count,
    RestartPolicy,
    ReschedulePolicy: reschedule(overlayOrNull(group.ReschedulePolicy, job.Reschedule), kind),
    Update: rolls(kind) ? overlay(staggered(group.Update, kind), overlay(job.Update, DEFAULT_UPDATE)) : null,
    Migrate: kind === "service" ? overlay(group.Migrate, overlay(job.Migrate, DEFAULT_MIGRATE)) : null,
    EphemeralDisk: overlay(group.EphemeralDisk, { Sticky: false, Migrate: false, SizeMB: DEFAULT_DISK_MB }),
    Disconnect,
    Scaling: group.Scaling === null ? null : scaling(group.Scaling, Count),
    Networks: group.Networks.map(canonicalNetwork),
    Services: group.Services.map((service): Service => canonicalService(service, { ...naming, owner: "group" })),
    Tasks: group.Tasks.map((task): Task => canonicalTask(task, { ...naming, restart: RestartPolicy })),
  };
}

/** The older keys of the group fill in what the block does not say. */
function disconnect(group: TaskGroup): DisconnectStrategy | null {
  const { MaxClientDisconnect, StopAfterClientDisconnect, PreventRescheduleOnLost } = group;
  const older = [MaxClientDisconnect, StopAfterClientDisconnect, PreventRescheduleOnLost];
  if (group.Disconnect === null && older.every((each) => each === null)) return null;
  return overlay(group.Disconnect, {
    LostAfter: MaxClientDisconnect,
    StopOnClientAfter: StopAfterClientDisconnect,
    Replace: PreventRescheduleOnLost !== true,
    Reconcile: "best_score",
  });
}

function overlayOrNull<T extends object>(specific: T | null, general: T | null): T | null {
  return general === null ? specific : overlay(specific, general);
}

/** Attempts that are given end the default of unlimited ones. */
function reschedule(policy: ReschedulePolicy | null, kind: JobType): ReschedulePolicy | null {
  const otherwise = DEFAULT_RESCHEDULE[kind];
  if (otherwise === null) return null;
  const limited = policy !== null && policy.Unlimited === null && (policy.Attempts ?? 0) > 0;
  return overlay(policy, limited ? { ...otherwise, Unlimited: false } : otherwise);
}

function scaling(policy: ScalingPolicy, count: number): ScalingPolicy {
  return { ...policy, Min: policy.Min ?? count };
}
