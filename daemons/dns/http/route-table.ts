import { textOf } from "#base/env/bytes.ts";
import type { Disk } from "#base/env/disk.ts";

/** Lines of the kernel's table that are read. */
const MAX_ROUTES = 500;

export interface IpRoute {
  readonly table: number;
  readonly family: "inet";
  readonly dst: string;
  readonly gateway: string;
  readonly oif: string;
  readonly metric: number;
}

/** IPv4, as the kernel tells in /proc/net/route (proc_net_route(5)): numbers in hexadecimal, in the machine's byte order. */
export async function readRoutes(disk: Pick<Disk, "read">): Promise<IpRoute[]> {
  try {
    return parseRoutes(textOf((await disk.read("/proc/net/route")) ?? new Uint8Array(0)));
  } catch {
    return [];
  }
}

export function parseRoutes(text: string): IpRoute[] {
  const lines = text.split("\n").slice(1, MAX_ROUTES + 1);
  return lines.flatMap((line) => {
    const [oif = "", destination = "", gateway = "", , , , metric = "", mask = ""] = line.trim().split(/\s+/);
    if (![destination, gateway, mask].every((word) => /^[0-9A-Fa-f]{8}$/.test(word))) return [];
    const bits = Number.parseInt(mask, 16).toString(2).replaceAll("0", "").length;
    const dst = destination === "00000000" && bits === 0 ? "default" : `${dotted(destination)}/${bits}`;
    return [{ table: 254, family: "inet", dst, gateway: dotted(gateway), oif, metric: Number(metric) || 0 }];
  });
}

function dotted(hex: string): string {
  const number = Number.parseInt(hex, 16);
  return [number & 255, (number >>> 8) & 255, (number >>> 16) & 255, number >>> 24].join(".");
}
