import type { Job, TaskGroup } from "#base/protocol/job.ts";
import type { CheckRestart } from "#base/protocol/policies.ts";
import type { Service, ServiceCheck } from "#base/protocol/service.ts";

export interface ServiceOwner {
  readonly job: Job;
  readonly group: TaskGroup;
  /** The task's name, or `group`. */
  readonly owner: string;
}

/** Names in full (https://developer.hashicorp.com/nomad/docs/job-specification/service: `${JOB}`, `${TASKGROUP}`, `${TASK}`, `${BASE}`). */
export function canonicalService(service: Service, owner: ServiceOwner): Service {
  const Name = fill(service.Name === "" ? "${BASE}" : service.Name, owner);
  return {
    ...service,
    Name,
    AddressMode: service.AddressMode === "" ? "auto" : service.AddressMode,
    Provider: service.Provider === "" ? "consul" : service.Provider,
    Cluster: service.Cluster === "" ? "default" : service.Cluster,
    OnUpdate: service.OnUpdate === "" ? "require_healthy" : service.OnUpdate,
    CheckRestart: checkRestart(service.CheckRestart, null),
    Checks: service.Checks.map((check) => canonicalCheck(check, { ...service, Name })),
  };
}

function fill(name: string, { job, group, owner }: ServiceOwner): string {
  const words: Readonly<Record<string, string>> = {
    JOB: job.Name,
    TASKGROUP: group.Name,
    TASK: owner,
    BASE: `${job.Name}-${group.Name}-${owner}`,
  };
  return name.replace(/\$\{(JOB|TASKGROUP|TASK|BASE)\}/g, (all: string, word: string) => words[word] ?? all);
}

/** What a check does not say, its service says. */
function canonicalCheck(check: ServiceCheck, service: Service): ServiceCheck {
  return {
    ...check,
    Name: check.Name === "" ? `service: ${JSON.stringify(service.Name)} check` : check.Name,
    PortLabel: check.PortLabel === "" ? service.PortLabel : check.PortLabel,
    TaskName: check.TaskName === "" ? service.TaskName : check.TaskName,
    CheckRestart: checkRestart(check.CheckRestart, service.CheckRestart),
    OnUpdate: check.OnUpdate === "" ? (service.OnUpdate === "" ? "require_healthy" : service.OnUpdate) : check.OnUpdate,
  };
}

const DEFAULT_GRACE_NS = 1e9;

function checkRestart(own: CheckRestart | null, outer: CheckRestart | null): CheckRestart | null {
  if (own === null && outer === null) return null;
  return {
    Limit: own !== null && own.Limit > 0 ? own.Limit : (outer?.Limit ?? own?.Limit ?? 0),
    Grace: own?.Grace ?? outer?.Grace ?? DEFAULT_GRACE_NS,
    IgnoreWarnings: own?.IgnoreWarnings === true || outer?.IgnoreWarnings === true,
  };
}
