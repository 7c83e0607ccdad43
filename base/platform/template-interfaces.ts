import { readFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import type { InterfaceInput } from "#base/client/templates/functions/sockaddr/interface-address.ts";

/** Bits of the kernel's interface flags (netdevice(7)). */
const FLAGS: readonly (readonly [bit: number, name: string])[] = [
  [0x1, "up"],
  [0x2, "broadcast"],
  [0x8, "loopback"],
  [0x10, "point-to-point"],
  [0x1000, "multicast"],
];

/** The addresses of this machine, as templates see them. */
export function machineInterfaces(): readonly InterfaceInput[] {
  const gateway = defaultInterface();
  return Object.entries(networkInterfaces()).flatMap(([name, addresses]) => {
    const bits = Number(readOr(`/sys/class/net/${name}/flags`, "0"));
    const flags = FLAGS.filter(([bit]) => (bits & bit) !== 0).map(([, flag]) => flag);
    return (addresses ?? []).flatMap(({ cidr }) =>
      cidr === null ? [] : [{ name, cidr, flags, isDefault: name === gateway }],
    );
  });
}

/** The interface of the default route: destination and mask are zero (/proc/net/route). */
function defaultInterface(): string | undefined {
  const lines = readOr("/proc/net/route", "").split("\n").slice(1);
  return lines
    .map((line) => line.split("\t"))
    .find(([, destination, , , , , , mask]) => destination === "00000000" && mask === "00000000")?.[0];
}

function readOr(path: string, otherwise: string): string {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return otherwise;
  }
}
