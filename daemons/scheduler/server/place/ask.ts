import { DEFAULT_CPU_MHZ, DEFAULT_DISK_MB } from "#base/language/jobspec/defaults.ts";
import type { Job, TaskGroup } from "#base/protocol/job.ts";
import type { Node } from "#base/protocol/node.ts";
import { deviceAsks, type DeviceAsk } from "./devices.ts";
import { peak, type TaskSize } from "./usage.ts";
import type { VolumeAsk } from "./volumes.ts";
import { taskMemory } from "./task-memory.ts";

export interface PortAsk {
  readonly label: string;
  /** The host's port; 0: choose one. */
  readonly port: number;
  /** The task's port; 0: the same as the host's; -1: the one that was chosen. */
  readonly to: number;
  readonly hostNetwork: string;
  readonly ignoreCollision: boolean;
}

/** What one allocation of a group wants of a node. */
export interface Ask {
  /** Without whole cores: what those come to is the node's affair ({@link cpuOn}). */
  readonly cpu: number;
  readonly memory: number;
  readonly disk: number;
  /** Whole cores, over all tasks. */
  readonly cores: number;
  readonly tasks: readonly (TaskSize & { readonly cores: number })[];
  readonly staticPorts: readonly PortAsk[];
  readonly dynamicPorts: readonly PortAsk[];
  readonly networkMode: string;
  readonly drivers: readonly string[];
  readonly devices: readonly DeviceAsk[];
  readonly volumes: readonly VolumeAsk[];
  /** Whether nodes are not alike to instances of this group. */
  readonly perAlloc: boolean;
}

export function askOf({ Namespace: namespace }: Pick<Job, "Namespace">, group: TaskGroup): Ask {
  const ports = group.Networks.flatMap((network) =>
    [...network.ReservedPorts, ...network.DynamicPorts].map((port): PortAsk => ({
      label: port.Label,
      port: port.Value,
      to: port.To,
      hostNetwork: port.HostNetwork === "" ? "default" : port.HostNetwork,
      ignoreCollision: port.IgnoreCollision,
    })),
  );
  const tasks = group.Tasks.map(({ Resources, Lifecycle }) => ({
    cpu: (Resources.Cores ?? 0) > 0 ? 0 : (Resources.CPU ?? DEFAULT_CPU_MHZ),
    cores: Resources.Cores ?? 0,
    memory: taskMemory(Resources),
    hook: Lifecycle?.Hook ?? "",
    sidecar: Lifecycle?.Sidecar ?? false,
  }));
  const volumes = Object.values(group.Volumes)
    .filter(({ Type }) => Type === "host")
    .map((volume) => ({
      source: volume.Source,
      write: !volume.ReadOnly,
      perAlloc: volume.PerAlloc,
      sticky: volume.Sticky,
      accessMode: volume.AccessMode,
      attachmentMode: volume.AttachmentMode,
      namespace,
    }));
  return {
    ...peak(tasks),
    tasks,
    disk: group.EphemeralDisk?.SizeMB ?? DEFAULT_DISK_MB,
    cores: tasks.reduce((sum, task) => sum + task.cores, 0),
    staticPorts: ports.filter(({ port }) => port > 0),
    dynamicPorts: ports.filter(({ port }) => port === 0),
    networkMode: group.Networks[0]?.Mode ?? "",
    drivers: [...new Set(group.Tasks.map((task) => task.Driver))],
    devices: deviceAsks(group),
    volumes,
    perAlloc: volumes.some(({ perAlloc, sticky }) => perAlloc || sticky),
  };
}

/** MHz of one core of a node; 0 where its cores are not known. */
export function coreMhz(node: Node | undefined): number {
  const cpu = node?.NodeResources.Cpu;
  return cpu === undefined || cpu.TotalCpuCores === 0 ? 0 : Math.floor(cpu.CpuShares / cpu.TotalCpuCores);
}

/** MHz the allocation takes of that node, whole cores among them. */
export function cpuOn(node: Node | undefined, ask: Ask): number {
  if (ask.cores === 0) return ask.cpu;
  const each = coreMhz(node);
  return peak(ask.tasks.map((task) => ({ ...task, cpu: task.cores > 0 ? task.cores * each : task.cpu }))).cpu;
}
