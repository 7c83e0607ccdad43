import * as v from "valibot";
import { number } from "#base/protocol/schema.ts";
import { foundOf } from "../api/answer.ts";
import type { NomadSession } from "../api/session.ts";
import { bytes } from "../print/bytes.ts";
import { columns, properties } from "../print/columns.ts";
import { span } from "../print/time.ts";

const DiskSchema = v.object({
  Device: v.nullish(v.string(), ""),
  Mountpoint: v.nullish(v.string(), ""),
  Size: number,
  Used: number,
  Available: number,
  UsedPercent: number,
  InodesUsedPercent: number,
});
/** https://developer.hashicorp.com/nomad/api-docs/client#read-stats */
const StatsSchema = v.object({
  Memory: v.object({ Total: number, Available: number, Free: number, Used: number }),
  CPU: v.array(v.object({ CPU: v.string(), User: number, System: number, Idle: number })),
  DiskStats: v.array(DiskSchema),
  CPUTicksConsumed: number,
  Uptime: number,
  Temperatures: v.nullish(v.array(v.object({ Sensor: v.string(), Celsius: number })), () => []),
});

/** What a node's machine uses right now. Empty when the node cannot be asked. */
export async function statsLines({ nomad }: NomadSession, node_id: string): Promise<string[]> {
  const answer = await nomad.call({ path: "/v1/client/stats", query: { node_id }, schema: StatsSchema });
  if (!answer.ok) return ["", `Host statistics: ${answer.error.message}`];
  const stats = foundOf(answer);
  if (stats === undefined) return [];
  const percent = (value: number): string => `${value.toFixed(2)}%`;
  return [
    "",
    "CPU Stats",
    ...stats.CPU.flatMap((cpu) => [
      ...properties([
        ["CPU", cpu.CPU],
        ["User", percent(cpu.User)],
        ["System", percent(cpu.System)],
        ["Idle", percent(cpu.Idle)],
      ]),
      "",
    ]),
    "Memory Stats",
    ...properties([
      ["Total", bytes(stats.Memory.Total)],
      ["Available", bytes(stats.Memory.Available)],
      ["Used", bytes(stats.Memory.Used)],
      ["Free", bytes(stats.Memory.Free)],
    ]),
    "",
    "Disk Stats",
    ...columns(
      ["Mount Point", "Size", "Used", "Available", "Used Percent"],
      stats.DiskStats.map((disk) => [
        disk.Mountpoint || disk.Device,
        bytes(disk.Size),
        bytes(disk.Used),
        bytes(disk.Available),
        percent(disk.UsedPercent),
      ]),
    ),
    ...(stats.Temperatures.length === 0
      ? []
      : [
          "",
          "Temperatures",
          ...columns(
            ["Sensor", "Celsius"],
            stats.Temperatures.map(({ Sensor, Celsius }) => [Sensor, Celsius.toFixed(1)]),
          ),
        ]),
    "",
    `Uptime = ${span(stats.Uptime)}`,
  ];
}
