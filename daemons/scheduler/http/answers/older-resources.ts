import type { Node, NodeResources } from "#base/protocol/node.ts";
import type { AllocatedResources, NetworkResource } from "#base/protocol/resources.ts";

/**
 * Resources as one flat block each, beside the newer ones: programs written for older releases read nothing else.
 * https://developer.hashicorp.com/nomad/api-docs/nodes#read-node and …/allocations#read-allocation
 */
interface OlderResources {
  readonly CPU: number;
  readonly MemoryMB: number;
  readonly DiskMB: number;
  readonly IOPS: number;
  readonly Networks: readonly NetworkResource[] | null;
  readonly Devices: null;
}

function older(
  amounts: Partial<Pick<OlderResources, "CPU" | "MemoryMB" | "DiskMB">>,
  Networks: readonly NetworkResource[] = [],
): OlderResources {
  const { CPU = 0, MemoryMB = 0, DiskMB = 0 } = amounts;
  return { CPU, MemoryMB, DiskMB, IOPS: 0, Networks: Networks.length === 0 ? null : Networks, Devices: null };
}

export function olderNodeResources({
  NodeResources,
  ReservedResources,
}: Pick<Node, "NodeResources" | "ReservedResources">) {
  return {
    Resources: older(amountsOf(NodeResources), NodeResources.Networks),
    Reserved: older(amountsOf(ReservedResources)),
  };
}

function amountsOf({
  Cpu,
  Memory,
  Disk,
}: Pick<NodeResources, "Memory" | "Disk"> & { readonly Cpu: { readonly CpuShares: number } }) {
  return { CPU: Cpu.CpuShares, MemoryMB: Memory.MemoryMB, DiskMB: Disk.DiskMB };
}

export function olderAllocResources({ Tasks, Shared }: AllocatedResources) {
  const tasks = Object.entries(Tasks);
  const sum = (of: (task: AllocatedResources["Tasks"][string]) => number): number =>
    tasks.reduce((total, [, task]) => total + of(task), 0);
  const all = { CPU: sum(({ Cpu }) => Cpu.CpuShares), MemoryMB: sum(({ Memory }) => Memory.MemoryMB) };
  const TaskResources: Readonly<Record<string, OlderResources>> = Object.fromEntries(
    tasks.map(([name, { Cpu, Memory, Networks }]) => [
      name,
      older({ CPU: Cpu.CpuShares, MemoryMB: Memory.MemoryMB }, Networks),
    ]),
  );
  return {
    Resources: older({ ...all, DiskMB: Shared.DiskMB }, Shared.Networks),
    SharedResources: older({ DiskMB: Shared.DiskMB }, Shared.Networks),
    TaskResources,
  };
}
