import type { Job, TaskGroup } from "#base/protocol/job.ts";
import type { RestartPolicy, ScalingPolicy } from "#base/protocol/policies.ts";
import type { Resources } from "#base/protocol/resources.ts";
import type { Identity } from "#base/protocol/identity.ts";
import type { Artifact, Task } from "#base/protocol/task.ts";
import { canonicalNetwork } from "./canonical-network.ts";
import { canonicalService } from "./canonical-service.ts";
import {
  DEFAULT_CPU_MHZ,
  DEFAULT_KILL_TIMEOUT_NS,
  DEFAULT_LOG_FILE_MB,
  DEFAULT_LOG_FILES,
  DEFAULT_MEMORY_MB,
} from "./defaults.ts";
import { overlay } from "./overlay.ts";

export interface TaskPlace {
  readonly job: Job;
  readonly group: TaskGroup;
  /** The group's, complete. */
  readonly restart: RestartPolicy;
}

export function canonicalTask(task: Task, place: TaskPlace): Task {
  return {
    ...task,
    RestartPolicy: overlay(task.RestartPolicy, place.restart),
    Resources: resources(task.Resources),
    KillTimeout: task.KillTimeout ?? DEFAULT_KILL_TIMEOUT_NS,
    LogConfig: {
      ...task.LogConfig,
      MaxFiles: task.LogConfig.MaxFiles ?? DEFAULT_LOG_FILES,
      MaxFileSizeMB: task.LogConfig.MaxFileSizeMB ?? DEFAULT_LOG_FILE_MB,
    },
    Services: task.Services.map((service) =>
      canonicalService(
        { ...service, TaskName: service.TaskName === "" ? task.Name : service.TaskName },
        { job: place.job, group: place.group, owner: task.Name },
      ),
    ),
    ScalingPolicies: task.ScalingPolicies.map(scaling),
    Templates: task.Templates.map((template) => ({
      ...template,
      ChangeSignal: signal(template.ChangeMode, template.ChangeSignal),
    })),
    Artifacts: task.Artifacts.map((artifact) => ({
      ...artifact,
      RelativeDest: artifact.RelativeDest === "" ? artifactPlace(artifact) : artifact.RelativeDest,
    })),
    Vault:
      task.Vault === null
        ? null
        : { ...task.Vault, ChangeSignal: signal(task.Vault.ChangeMode, task.Vault.ChangeSignal) },
    ...identities(task),
    VolumeMounts: task.VolumeMounts.map((mount) => ({
      ...mount,
      PropagationMode: mount.PropagationMode === "" ? "private" : mount.PropagationMode,
    })),
  };
}

/** Signals are written in either case; without one it is SIGHUP. */
function signal(mode: string, name: string): string {
  return name === "" && mode === "signal" ? "SIGHUP" : name.toUpperCase();
}

function artifactPlace({ GetterMode, GetterSource }: Artifact): string {
  if (GetterMode !== "file") return "local/";
  const [path = ""] = GetterSource.split("?");
  return `local/${path.slice(path.lastIndexOf("/") + 1)}`;
}

const DEFAULT_IDENTITY = "default";
const DEFAULT_AUDIENCE = ["nomadproject.io"];

/** The identity named `default` (or not at all) has a field of its own. */
function identities(task: Task): Pick<Task, "Identity" | "Identities"> {
  const isDefault = ({ Name }: Identity): boolean => Name === "" || Name === DEFAULT_IDENTITY;
  const plain = task.Identity ?? task.Identities.find(isDefault);
  const own = (identity: Identity): Identity => ({
    ...identity,
    ChangeSignal: signal(identity.ChangeMode, identity.ChangeSignal),
  });
  return {
    Identity:
      plain === undefined
        ? null
        : own({
            ...plain,
            Name: DEFAULT_IDENTITY,
            Audience: plain.Audience.length === 0 ? DEFAULT_AUDIENCE : plain.Audience,
          }),
    Identities: task.Identities.filter((each) => !isDefault(each)).map(own),
  };
}

/** Whoever asks for whole cores asks for no share. */
function resources(given: Resources): Resources {
  const cores = given.Cores ?? 0;
  return {
    ...given,
    CPU: given.CPU ?? (cores > 0 ? 0 : DEFAULT_CPU_MHZ),
    Cores: cores,
    MemoryMB: given.MemoryMB ?? DEFAULT_MEMORY_MB,
    MemoryMaxMB: given.MemoryMaxMB ?? 0,
    DiskMB: given.DiskMB ?? 0,
    IOPS: given.IOPS ?? 0,
    SecretsMB: given.SecretsMB ?? 0,
    Networks: given.Networks.map(canonicalNetwork),
  };
}

const SCALED: ReadonlyMap<string, string> = new Map([
  ["cpu", "vertical_cpu"],
  ["mem", "vertical_mem"],
]);

function scaling(policy: ScalingPolicy): ScalingPolicy {
  return { ...policy, Type: SCALED.get(policy.Type) ?? policy.Type };
}
