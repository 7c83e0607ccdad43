import { instanceKey } from "./devices.ts";
import { writerKey } from "./volumes.ts";
import type { AllocatedResources, AllocatedTaskResources } from "#base/protocol/resources.ts";

/** A host port in use, at one of the node's addresses. */
export interface UsedPort {
  readonly hostIp: string;
  readonly port: number;
  /** Nobody minds who else has it (`ignore_collision`). */
  readonly shared: boolean;
}

/** What an allocation takes of its node. CPU in MHz, memory and disk in MB. */
export interface Usage {
  readonly cpu: number;
  readonly memory: number;
  readonly disk: number;
  readonly cores: readonly number[];
  /** Instances, as {@link instanceKey} names them, and volumes it is the one writer of ({@link writerKey}). */
  readonly devices: readonly string[];
  readonly ports: readonly UsedPort[];
}

/** What a task takes while it runs, and when that is. */
export interface TaskSize extends Sum {
  readonly hook: string;
  readonly sidecar: boolean;
}

interface Sum {
  cpu: number;
  memory: number;
}

type Phase = "sidecar" | "prestart" | "main" | "poststop";

/**
 * The most an allocation uses at one time: tasks that run before, beside and after each other need not fit together.
 * https://developer.hashicorp.com/nomad/docs/job-specification/lifecycle
 */
export function peak(tasks: readonly TaskSize[]): Sum {
  const sums: Record<Phase, Sum> = {
    sidecar: { cpu: 0, memory: 0 },
    prestart: { cpu: 0, memory: 0 },
    main: { cpu: 0, memory: 0 },
    poststop: { cpu: 0, memory: 0 },
  };
  for (const task of tasks) {
    const sum = sums[phaseOf(task.hook, task.sidecar)];
    sum.cpu += task.cpu;
    sum.memory += task.memory;
  }
  const phases = [sums.prestart, sums.main, sums.poststop];
  return {
    cpu: sums.sidecar.cpu + Math.max(...phases.map((each) => each.cpu)),
    memory: sums.sidecar.memory + Math.max(...phases.map((each) => each.memory)),
  };
}

export function usageOf(resources: AllocatedResources): Usage {
  const cores: number[] = [];
  const devices: string[] = [];
  const tasks = Object.entries(resources.Tasks).map(([name, task]) => {
    cores.push(...task.Cpu.ReservedCores);
    for (const device of task.Devices) devices.push(...device.DeviceIDs.map((id) => instanceKey(device, id)));
    const lifecycle = resources.TaskLifecycles[name] ?? null;
    return { ...sizeOf(task), hook: lifecycle?.Hook ?? "", sidecar: lifecycle?.Sidecar ?? false };
  });
  for (const name of resources.Shared.SoleVolumes ?? []) devices.push(writerKey(name));
  const { cpu, memory } = peak(tasks);
  const ports = resources.Shared.Ports.map(({ HostIP, Value, IgnoreCollision }) => ({
    hostIp: HostIP,
    port: Value,
    shared: IgnoreCollision ?? false,
  }));
  return { cpu, memory, disk: resources.Shared.DiskMB, cores, devices, ports };
}

function sizeOf(task: AllocatedTaskResources): Sum {
  return { cpu: task.Cpu.CpuShares, memory: task.Memory.MemoryMB };
}

function phaseOf(hook: string, sidecar: boolean): Phase {
  if (hook === "poststop") return "poststop";
  if (hook !== "prestart") return "main";
  return sidecar ? "sidecar" : "prestart";
}
