import { DEFAULT_CPU_MHZ } from "#base/language/jobspec/defaults.ts";
import type { Random } from "#base/env/random.ts";
import type { TaskGroup } from "#base/protocol/job.ts";
import type { AllocatedResources, AllocatedTaskResources, PortMapping } from "#base/protocol/resources.ts";
import { coreMhz, type Ask, type PortAsk } from "./ask.ts";
import { assignDevices } from "./devices.ts";
import { pickDynamic } from "./dynamic-ports.ts";
import { freeCores } from "./fit.ts";
import type { NodeTable } from "./node-table.ts";
import type { PortSpace } from "./port-space.ts";
import { soleVolumes, writerKey } from "./volumes.ts";
import { taskMemory } from "./task-memory.ts";

export interface GrantRequest {
  readonly table: NodeTable;
  readonly slot: number;
  readonly group: TaskGroup;
  readonly ask: Ask;
  readonly random: Random;
  /** Tasks may use memory up to `memory_max` where the operator allows it. */
  readonly oversubscribes: boolean;
  /** Which one of its group it is. */
  readonly index: number;
}

/** Names the very ports, cores and devices an allocation gets on a node it fits; undefined when too few are left. */
export function grant({
  table,
  slot,
  group,
  ask,
  random,
  oversubscribes,
  index,
}: GrantRequest): AllocatedResources | undefined {
  const entry = table.at(slot);
  if (entry === undefined) return undefined;
  const ports = grantPorts(entry.ports, ask, random);
  if (ports === undefined) return undefined;
  const devices = ask.devices.length === 0 ? [] : assignDevices(entry, ask.devices);
  if (devices === undefined) return undefined;
  const sole = ask.volumes.length === 0 ? [] : soleVolumes(entry.node, ask.volumes, index);
  if (sole.some((name) => entry.usedDevices.has(writerKey(name)))) return undefined;
  const cores = ask.cores > 0 ? freeCores(table, slot) : [];
  if (cores.length < ask.cores) return undefined;
  const eachCore = coreMhz(entry.node);
  const tasks: Record<string, AllocatedTaskResources> = {};
  const lifecycles: AllocatedResources["TaskLifecycles"] = {};
  for (const { Name, Resources, Lifecycle } of group.Tasks) {
    const reserved = cores.splice(0, Resources.Cores ?? 0);
    tasks[Name] = {
      Cpu: {
        CpuShares: reserved.length > 0 ? reserved.length * eachCore : (Resources.CPU ?? DEFAULT_CPU_MHZ),
        ReservedCores: reserved,
      },
      Memory: {
        MemoryMB: taskMemory(Resources),
        MemoryMaxMB: oversubscribes ? mostMemory(Resources) : 0,
      },
      Networks: [],
      Devices: devices.filter(({ task }) => task === Name).map(({ device }) => device),
    };
    if (Lifecycle !== null) lifecycles[Name] = Lifecycle;
  }
  const volumes = sole.length === 0 ? {} : { SoleVolumes: sole };
  const Shared = { DiskMB: ask.disk, Networks: [], Ports: ports, ...volumes };
  return { Tasks: tasks, TaskLifecycles: lifecycles, Shared };
}

/** 0: no more than what is counted. */
function mostMemory({ MemoryMaxMB, SecretsMB }: TaskGroup["Tasks"][number]["Resources"]): number {
  return (MemoryMaxMB ?? 0) > 0 ? (MemoryMaxMB ?? 0) + (SecretsMB ?? 0) : 0;
}

function grantPorts(space: PortSpace, ask: Ask, random: Random): PortMapping[] | undefined {
  const found = pickDynamic(space, ask, () => random.float());
  if (found === undefined) return undefined;
  return [
    ...ask.staticPorts.map((port) => mapping(port, port.port, space)),
    ...ask.dynamicPorts.map((port, at) => mapping(port, found[at] ?? 0, space)),
  ];
}

function mapping(port: PortAsk, value: number, space: PortSpace): PortMapping {
  return {
    Label: port.label,
    Value: value,
    To: port.to === -1 ? value : port.to,
    HostIP: space.addressOf(port.hostNetwork) ?? "",
    ...(port.ignoreCollision ? { IgnoreCollision: true } : {}),
  };
}
