import * as v from "valibot";
import { JobSchema, type Job } from "#base/protocol/job.ts";
import { NodeSchema, NodeStateSchema, type Node } from "#base/protocol/node.ts";
import { NodeTable } from "#daemons/scheduler/server/place/node-table.ts";

export const CPU_MHZ = 16_000;
export const MEMORY_MB = 65_536;
export const READY = v.parse(NodeStateSchema, { Status: "ready" });

/** One node of a made-up cluster. */
export function nodeAt(i: number, racks: number): Node {
  return v.parse(NodeSchema, {
    ID: `node-${i}`,
    Name: `node-${i}`,
    Datacenter: `dc${i % 3}`,
    Meta: { rack: `r${i % racks}` },
    Attributes: { "kernel.name": "linux", "unique.hostname": `node-${i}` },
    NodeResources: {
      Cpu: { CpuShares: CPU_MHZ },
      Memory: { MemoryMB: MEMORY_MB },
      Disk: { DiskMB: 500_000 },
      Networks: [{ IP: "10.0.0.1" }],
    },
    ReservedResources: { Cpu: {}, Memory: {}, Disk: {}, Networks: {} },
    Drivers: { docker: { Detected: true, Healthy: true } },
  });
}

/** Every second node is partly used. */
export function clusterOf(count: number, racks: number): NodeTable {
  const table = new NodeTable();
  for (let i = 0; i < count; i++) {
    const node = nodeAt(i, racks);
    table.setNode(node, READY);
    if (i % 2 !== 0) continue;
    const usage = { cpu: (i * 37) % 12_000, memory: (i * 91) % 40_000, disk: 0, cores: [], devices: [], ports: [] };
    table.hold(`used-${i}`, node.ID, usage);
  }
  return table;
}

export function jobOf(fields: {
  readonly count: number;
  readonly spreads?: readonly unknown[];
  readonly cpu?: number;
  readonly memory?: number;
  readonly port?: boolean;
}): Job {
  const { count, spreads = [], cpu = 100, memory = 128, port = true } = fields;
  return v.parse(JobSchema, {
    ID: "bench",
    Type: "service",
    Namespace: "default",
    Datacenters: ["dc*"],
    NodePool: "default",
    Constraints: [{ LTarget: "${attr.kernel.name}", RTarget: "linux", Operand: "=" }],
    TaskGroups: [
      {
        Name: "web",
        Count: count,
        Spreads: spreads,
        Networks: port ? [{ DynamicPorts: [{ Label: "http" }] }] : [],
        Tasks: [{ Name: "main", Driver: "docker", Resources: { CPU: cpu, MemoryMB: memory } }],
      },
    ],
  });
}
