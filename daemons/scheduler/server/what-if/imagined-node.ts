import * as v from "valibot";
import type { Random } from "#base/env/random.ts";
import { NodeSchema, type Node } from "#base/protocol/node.ts";
import type { ImaginedNode } from "./supposition.ts";

/** Of a node about which nothing is said, in a cluster that has none. */
const FALLBACK = { cpu: 2000, memory: 2048, disk: 20_000, mhzPerCore: 1000 };

/**
 * Nodes that do not exist. What is not said of them is as in the cluster: the smallest node's size, the most frequent
 * datacenter, attributes on which all nodes agree, and every driver any node has.
 */
export function imaginedNodes(kinds: readonly ImaginedNode[], real: readonly Node[], random: Random): Node[] {
  const each = kinds.flatMap((kind) => Array.from({ length: kind.Count }, () => kind));
  const taken = new Set(real.map(({ Name }) => Name));
  let number = 0;
  const nextName = (): string => {
    do number += 1;
    while (taken.has(`imagined-${number}`));
    return `imagined-${number}`;
  };
  const common = commonOf(real);
  return each.map((kind) => imagine(kind, common, { id: random.uuid(), name: nextName() }));
}

type Common = ReturnType<typeof commonOf>;

function imagine(kind: ImaginedNode, common: Common, named: { readonly id: string; readonly name: string }): Node {
  const drivers = kind.Drivers.length > 0 ? kind.Drivers : common.drivers;
  const cores = kind.Cores ?? undefined;
  const cpu = kind.CPU ?? (cores === undefined ? common.cpu : cores * common.mhzPerCore);
  const count = cores ?? Math.max(1, Math.round(cpu / common.mhzPerCore));
  const healthy = { Detected: true, Healthy: true };
  return v.parse(NodeSchema, {
    ID: named.id,
    Name: named.name,
    Datacenter: kind.Datacenter || common.datacenter,
    NodeClass: kind.NodeClass,
    NodePool: kind.NodePool || "default",
    Attributes: {
      ...common.attributes,
      ...Object.fromEntries(drivers.map((driver) => [`driver.${driver}`, "1"])),
      ...(kind.Arch === "" ? {} : { "cpu.arch": kind.Arch }),
      "cpu.numcores": String(count),
      "unique.hostname": named.name,
      ...kind.Attributes,
    },
    Meta: kind.Meta,
    NodeResources: {
      Cpu: { CpuShares: cpu, TotalCpuCores: count, ReservableCpuCores: Array.from({ length: count }, (_, at) => at) },
      Memory: { MemoryMB: kind.MemoryMB ?? common.memory },
      Disk: { DiskMB: kind.DiskMB ?? common.disk },
      Networks: common.networks.Networks,
      NodeNetworks: common.networks.NodeNetworks,
    },
    ReservedResources: { Cpu: {}, Memory: {}, Disk: {}, Networks: {} },
    Drivers: Object.fromEntries(drivers.map((driver) => [driver, healthy])),
    HostVolumes: Object.fromEntries(kind.HostVolumes.map((Name) => [Name, { Name, Path: "", ReadOnly: false }])),
  });
}

function commonOf(real: readonly Node[]) {
  const smallest = (of: (node: Node) => number, fallback: number): number =>
    real.length === 0 ? fallback : Math.min(...real.map(of));
  const [first] = real;
  return {
    cpu: smallest(({ NodeResources }) => NodeResources.Cpu.CpuShares, FALLBACK.cpu),
    memory: smallest(({ NodeResources }) => NodeResources.Memory.MemoryMB, FALLBACK.memory),
    disk: smallest(({ NodeResources }) => NodeResources.Disk.DiskMB, FALLBACK.disk),
    mhzPerCore: smallest(mhzPerCore, FALLBACK.mhzPerCore) || FALLBACK.mhzPerCore,
    datacenter: mostFrequent(real.map(({ Datacenter }) => Datacenter)) ?? "dc1",
    drivers: driversOf(real),
    attributes: first === undefined ? { "kernel.name": "linux" } : agreed(first, real),
    networks: first === undefined ? HOST_NETWORK : first.NodeResources,
  };
}

/** An address for documentation (RFC 5737): nobody ever connects to it. */
const HOST_NETWORK = { Networks: [{ Mode: "host", IP: "192.0.2.1" }], NodeNetworks: [] };

function mhzPerCore({ NodeResources: { Cpu } }: Node): number {
  return Cpu.TotalCpuCores > 0 ? Math.round(Cpu.CpuShares / Cpu.TotalCpuCores) : FALLBACK.mhzPerCore;
}

function driversOf(real: readonly Node[]): string[] {
  const usable = real.flatMap(({ Drivers }) =>
    Object.entries(Drivers).flatMap(([name, { Detected, Healthy }]) => (Detected && Healthy ? [name] : [])),
  );
  return [...new Set(usable)].toSorted();
}

function agreed(first: Node, real: readonly Node[]): Record<string, string> {
  const same = Object.entries(first.Attributes).filter(
    ([name, value]) => !/^(unique|driver)\./.test(name) && real.every(({ Attributes }) => Attributes[name] === value),
  );
  return Object.fromEntries(same);
}

function mostFrequent(values: readonly string[]): string | undefined {
  const counts = Map.groupBy(values, (value) => value);
  const [most] = [...counts].toSorted(([a, as], [b, bs]) => bs.length - as.length || (a < b ? -1 : 1));
  return most?.[0];
}
