import type { Env } from "#base/env/env.ts";
import type { InterfaceAddress } from "#base/env/net.ts";
import { reachable } from "#base/env/own-address.ts";
import type { NodeResources } from "#base/protocol/node.ts";
import { addressesIn, type HostNetwork } from "./host-networks.ts";
import { readText } from "./read-text.ts";

/**
 * `wanted`: an interface's name; empty takes the one with the default route, or where that leads to an emulator's NAT another, as the
 * agent does for itself. Falls back to loopback.
 */
export async function mainAddress(env: Env, wanted: string): Promise<InterfaceAddress | undefined> {
  const all = env.net.interfaces();
  const device = wanted === "" ? defaultDevice((await readText(env, "/proc/net/route")) ?? "") : wanted;
  const of = (name: string | undefined): InterfaceAddress | undefined =>
    all.find((each) => each.name === name && each.family === 4) ?? all.find((each) => each.name === name);
  const found =
    of(device) ??
    all.find((each) => !each.internal && each.family === 4) ??
    all.find((each) => each.family === 4) ??
    all[0];
  return wanted === "" ? reachable(found, all) : found;
}

/** /proc/net/route: interface, destination and gateway in hexadecimal; the default route's destination is 0. */
export function defaultDevice(table: string): string | undefined {
  for (const line of table.split("\n").slice(1)) {
    const [device, destination] = line.split(/\s+/);
    if (device !== undefined && destination === "00000000") return device;
  }
  return undefined;
}

/** Mbit/s by interface; what is virtual, wireless or unplugged has none. */
async function linkSpeeds(env: Env, names: readonly string[]): Promise<ReadonlyMap<string, number>> {
  const speeds = await Promise.all(
    names.map(async (name): Promise<[string, number]> => {
      const speed = Number(((await readText(env, `/sys/class/net/${name}/speed`)) ?? "").trim());
      return [name, Number.isFinite(speed) && speed > 0 ? speed : 0];
    }),
  );
  return new Map(speeds.filter(([, speed]) => speed > 0));
}

export interface NetworkFacts {
  readonly main: InterfaceAddress | undefined;
  readonly speeds: ReadonlyMap<string, number>;
}

interface NetworkWish {
  readonly networkInterface: string;
  readonly networkSpeed: number;
  readonly hostNetworks: readonly HostNetwork[];
}

/** `network_speed` of the configuration wins over what the link says. */
export async function networkFacts(
  env: Env,
  { networkInterface, networkSpeed, hostNetworks }: NetworkWish,
): Promise<NetworkFacts> {
  const main = await mainAddress(env, networkInterface);
  const all = env.net.interfaces();
  const others = hostNetworks.flatMap((network) => addressesIn(network, all).map(({ name }) => name));
  const speeds = await linkSpeeds(env, [...new Set([...(main === undefined ? [] : [main.name]), ...others])]);
  return {
    main,
    speeds: networkSpeed > 0 && main !== undefined ? new Map([...speeds, [main.name, networkSpeed]]) : speeds,
  };
}

/** The main address under the alias `default`, and every host network's addresses under its name. */
export function nodeNetworks(
  env: Pick<Env, "net">,
  { main, speeds }: NetworkFacts,
  hostNetworks: readonly HostNetwork[],
): Pick<NodeResources, "Networks" | "NodeNetworks"> {
  if (main === undefined) return { Networks: [], NodeNetworks: [] };
  const all = env.net.interfaces();
  const aliased = [
    ...all.filter((each) => each.name === main.name).map((each) => ({ alias: "default", ...each })),
    ...hostNetworks.flatMap((network) => addressesIn(network, all).map((each) => ({ alias: network.name, ...each }))),
  ];
  const byDevice = Map.groupBy(aliased, ({ name }) => name);
  return {
    Networks: [
      {
        Mode: "host",
        Device: main.name,
        CIDR: `${main.address}/${main.family === 4 ? 32 : 128}`,
        IP: main.address,
        Hostname: "",
        MBits: speeds.get(main.name) ?? 0,
        DNS: null,
        CNI: null,
        ReservedPorts: [],
        DynamicPorts: [],
      },
    ],
    NodeNetworks: [...byDevice].map(([device, addresses]) => ({
      Mode: "host",
      Device: device,
      MacAddress: addresses[0]?.mac ?? "",
      Speed: speeds.get(device) ?? 0,
      Addresses: addresses.map(({ alias, family, address }) => ({
        Family: family === 4 ? "ipv4" : "ipv6",
        Alias: alias,
        Address: address,
        Gateway: "",
      })),
    })),
  };
}
