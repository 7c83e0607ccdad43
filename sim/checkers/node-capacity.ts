import type { Alloc } from "#base/protocol/alloc.ts";
import type { Node } from "#base/protocol/node.ts";
import type { Checker } from "../checker.ts";

/** What is placed on a node never asks for more than it has, and no port is given twice. */
export class NodeCapacity implements Checker {
  readonly name = "no node over capacity";
  #violation: string | undefined;

  /** `placed`: all allocations that take room on the node. */
  compare(
    node: Pick<Node, "ID" | "NodeResources">,
    placed: Iterable<Pick<Alloc, "Name" | "AllocatedResources">>,
  ): void {
    let cpu = 0;
    let memory = 0;
    const ports = new Map<number, string>();
    for (const { Name, AllocatedResources } of placed) {
      for (const task of Object.values(AllocatedResources.Tasks)) {
        cpu += task.Cpu.CpuShares;
        memory += task.Memory.MemoryMB;
      }
      for (const { Value } of AllocatedResources.Shared.Ports) {
        const holder = ports.get(Value);
        if (holder !== undefined)
          this.#violation ??= `port ${Value} of node ${node.ID} is given to ${holder} and to ${Name}`;
        ports.set(Value, Name);
      }
    }
    const { Cpu, Memory } = node.NodeResources;
    if (cpu > Cpu.CpuShares) this.#violation ??= `${cpu} MHz are placed on node ${node.ID}, which has ${Cpu.CpuShares}`;
    if (memory > Memory.MemoryMB) {
      this.#violation ??= `${memory} MB are placed on node ${node.ID}, which has ${Memory.MemoryMB}`;
    }
  }

  check(): string | undefined {
    return this.#violation;
  }
}
