import type { Env } from "#base/env/env.ts";
import type { Node } from "#base/protocol/node.ts";
import type { TaskStats } from "#drivers/driver.ts";
import type { Gauge, GaugeSource } from "../gauge.ts";
import { groupOf } from "./alloc/group-tasks.ts";
import type { AllocRunner } from "./alloc/alloc-runner.ts";
import type { SchedulerClient } from "./client.ts";
import { createHostStats, type HostStats } from "./http/host-stats.ts";

export interface ClientGaugeOptions {
  readonly env: Env;
  readonly client: SchedulerClient;
  /** The machine's own figures. */
  readonly node: boolean;
  /** Those of every task. */
  readonly allocs: boolean;
}

type Labels = Readonly<Record<string, string>>;

/** Names and labels: https://developer.hashicorp.com/nomad/docs/reference/metrics#client-metrics */
export function clientGauges(options: ClientGaugeOptions): GaugeSource {
  const stats = createHostStats(options.env, options.client.allocsRoot);
  return async () => {
    const { client } = options;
    // Asked while the agent starts.
    if (!client.isStarted) return [];
    const labels = labelsOf(client.node());
    const runners = [...client.runners().values()];
    return [
      ...allocationCounts(runners, labels),
      ...allocatedGauges(client, runners, labels),
      ...(options.node ? hostGauges(await stats(), labels) : []),
      ...(options.allocs ? await taskGauges(client, runners, labels) : []),
    ];
  };
}

function labelsOf(node: Node): Labels {
  return {
    node_id: node.ID,
    host: node.Name,
    datacenter: node.Datacenter,
    node_class: node.NodeClass === "" ? "none" : node.NodeClass,
    node_pool: node.NodePool,
  };
}

function gauge(Name: string, Value: number, Labels: Labels): Gauge {
  return { Name: `nomad.client.${Name}`, Value, Labels };
}

function allocationCounts(runners: readonly AllocRunner[], labels: Labels): Gauge[] {
  const counts = { blocked: 0, migrating: 0, pending: 0, running: 0, terminal: 0 };
  for (const runner of runners) {
    const phases = [...runner.tasks.values()].map((task) => task.record().phase.kind);
    if (runner.isTerminal()) counts.terminal += 1;
    // What an agent before left runs for this one when it has found it.
    else if (runner.isTakenUp && phases.includes("running")) counts.running += 1;
    else counts.pending += 1;
  }
  return Object.entries(counts).map(([status, count]) => gauge(`allocations.${status}`, count, labels));
}

/** What is promised to allocations, and what is left: MHz and MB. */
function allocatedGauges(client: SchedulerClient, runners: readonly AllocRunner[], labels: Labels): Gauge[] {
  const { NodeResources: has, ReservedResources: kept } = client.node();
  const used = { cpu: 0, memory: 0, disk: 0 };
  for (const { current } of runners.filter((runner) => !runner.isTerminal())) {
    const { Tasks, Shared } = current.alloc.AllocatedResources;
    for (const task of Object.values(Tasks)) {
      used.cpu += task.Cpu.CpuShares;
      used.memory += task.Memory.MemoryMB;
    }
    used.disk += Shared.DiskMB;
  }
  const free = {
    cpu: has.Cpu.CpuShares - kept.Cpu.CpuShares - used.cpu,
    memory: has.Memory.MemoryMB - kept.Memory.MemoryMB - used.memory,
    disk: has.Disk.DiskMB - kept.Disk.DiskMB - used.disk,
  };
  return [
    ...Object.entries(used).map(([what, value]) => gauge(`allocated.${what}`, value, labels)),
    ...Object.entries(free).map(([what, value]) => gauge(`unallocated.${what}`, value, labels)),
  ];
}

function hostGauges({ Memory, CPU, DiskStats, Uptime, CPUTicksConsumed }: HostStats, labels: Labels): Gauge[] {
  const cpu = CPU.flatMap((each) => {
    const at = { ...labels, cpu: each.CPU };
    return [
      gauge("host.cpu.total", each.Total, at),
      gauge("host.cpu.user", each.User, at),
      gauge("host.cpu.idle", each.Idle, at),
      gauge("host.cpu.system", each.System, at),
      gauge("host.cpu.total_percent", each.Total, at),
    ];
  });
  const disks = DiskStats.flatMap((disk) => {
    const at = { ...labels, disk: disk.Mountpoint };
    return [
      gauge("host.disk.size", disk.Size, at),
      gauge("host.disk.used", disk.Used, at),
      gauge("host.disk.available", disk.Available, at),
      gauge("host.disk.used_percent", disk.UsedPercent, at),
      gauge("host.disk.inodes_percent", disk.InodesUsedPercent, at),
    ];
  });
  return [
    ...cpu,
    ...disks,
    gauge("host.cpu.total_ticks", CPUTicksConsumed, labels),
    gauge("host.memory.total", Memory.Total, labels),
    gauge("host.memory.available", Memory.Available, labels),
    gauge("host.memory.used", Memory.Used, labels),
    gauge("host.memory.free", Memory.Free, labels),
    gauge("uptime", Uptime, labels),
  ];
}

async function taskGauges(client: SchedulerClient, runners: readonly AllocRunner[], labels: Labels): Promise<Gauge[]> {
  const gauges: Gauge[] = [];
  for (const runner of runners) {
    for (const task of groupOf(runner.current)?.Tasks ?? []) {
      const phase = runner.tasks.get(task.Name)?.record().phase;
      if (phase?.kind !== "running") continue;
      const measured = await client.driver(task.Driver)?.stats(phase.handle);
      if (measured?.ok !== true) continue;
      const { alloc } = runner.current;
      const at = {
        host: labels["host"] ?? "",
        job: alloc.JobID,
        namespace: alloc.Namespace,
        task_group: alloc.TaskGroup,
        alloc_id: alloc.ID,
        task: task.Name,
      };
      const allocatedMb = alloc.AllocatedResources.Tasks[task.Name]?.Memory.MemoryMB ?? 0;
      gauges.push(...gaugesOfTask(measured.value, at), gauge("allocs.memory.allocated", allocatedMb * 1024 * 1024, at));
    }
  }
  return gauges;
}

function gaugesOfTask(stats: TaskStats, at: Labels): Gauge[] {
  return [
    gauge("allocs.cpu.total_percent", stats.cpuPercent, at),
    gauge("allocs.cpu.total_ticks", stats.cpuTotalTicks, at),
    gauge("allocs.memory.rss", stats.memoryRssBytes, at),
    gauge("allocs.memory.usage", stats.memoryUsageBytes, at),
  ];
}
