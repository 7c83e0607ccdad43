import { cpuOn, type Ask } from "./ask.ts";
import { assignDevices } from "./devices.ts";
import { hasDynamic } from "./dynamic-ports.ts";
import type { NodeTable } from "./node-table.ts";
import type { PortSpace } from "./port-space.ts";
import { soleVolumes, writerKey } from "./volumes.ts";

export const NO_DYNAMIC_PORT = "network: dynamic port selection failed";

/**
 * Undefined when one more allocation fits beside what the node holds; otherwise the dimension that does not, in the
 * words people know from `job status` ("memory", "network: reserved port collision db=6379").
 */
export function exhausted(table: NodeTable, slot: number, ask: Ask): string | undefined {
  if (room(table.memoryTotal, table.memoryUsed, slot) < ask.memory) return "memory";
  if (ask.cores > 0 && freeCores(table, slot).length < ask.cores) return "cores";
  if (room(table.cpuTotal, table.cpuUsed, slot) < cpuOn(table.at(slot)?.node, ask)) return "cpu";
  if (room(table.diskTotal, table.diskUsed, slot) < ask.disk) return "disk";
  const taken = takenVolume(table, slot, ask);
  if (taken !== undefined) return `volume ${taken} has its one writer`;
  if (missingDevices(table, slot, ask)) return "devices: no devices match request";
  const ports = table.at(slot)?.ports;
  if (ports === undefined) return undefined;
  return portCollision(ports, ask) ?? (hasDynamic(ports, ask) ? undefined : NO_DYNAMIC_PORT);
}

/** A volume that may have one writer, and has. Those that each instance has its own of are looked at when it is known. */
function takenVolume(table: NodeTable, slot: number, { volumes }: Ask): string | undefined {
  if (volumes.length === 0) return undefined;
  const entry = table.at(slot);
  const shared = volumes.filter(({ perAlloc }) => !perAlloc);
  return soleVolumes(entry?.node, shared, 0).find((name) => entry?.usedDevices.has(writerKey(name)) === true);
}

/** Whether too few of the devices asked for are free. */
export function missingDevices(table: NodeTable, slot: number, ask: Ask): boolean {
  if (ask.devices.length === 0) return false;
  const entry = table.at(slot);
  return entry === undefined || assignDevices(entry, ask.devices) === undefined;
}

/** Cores nobody reserved, lowest first. */
export function freeCores(table: NodeTable, slot: number): number[] {
  const entry = table.at(slot);
  if (entry?.node === undefined) return [];
  const reserved = new Set(entry.node.ReservedResources.Cpu.ReservedCpuCores);
  return entry.node.NodeResources.Cpu.ReservableCpuCores.filter(
    (core) => !reserved.has(core) && !entry.usedCores.has(core),
  );
}

function room(total: Float64Array, used: Float64Array, slot: number): number {
  return (total[slot] ?? 0) - (used[slot] ?? 0);
}

function portCollision(ports: PortSpace, ask: Ask): string | undefined {
  for (const { label, port, hostNetwork, ignoreCollision } of ask.staticPorts) {
    if (ignoreCollision) continue;
    const hostIp = ports.addressOf(hostNetwork) ?? "";
    if (!ports.isFree(hostIp, port)) return `network: reserved port collision ${label}=${port}`;
  }
  return undefined;
}
