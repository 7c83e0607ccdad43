import type { Lan, RouterConfig, Wan, Wireguard } from "./model.ts";

/** The interface that carries a line's IP packets. */
export function wanDevice(wan: Wan): string {
  return wan.kind === "pppoe" ? `ppp-${wan.name}` : wanLink(wan);
}

/** The Ethernet interface under it. */
export function wanLink({ interface: parent, vlan }: Pick<Wan, "interface" | "vlan">): string {
  return taggedName(parent, vlan);
}

export function lanDevice(lan: Lan): string {
  return isBridge(lan) ? `br-${lan.name}` : taggedName(lan.interfaces[0] ?? "", lan.vlan);
}

export function isBridge(lan: Lan): boolean {
  return lan.bridge || lan.interfaces.length > 1;
}

/** The Ethernet interfaces of a LAN: what it is, or the ports of its bridge. */
export function lanPorts(lan: Lan): readonly string[] {
  return lan.interfaces.map((name) => taggedName(name, lan.vlan));
}

export function wireguardDevice({ name }: Pick<Wireguard, "name">): string {
  return `wg-${name}`;
}

/** Where what arrives on a shaped line is queued. */
export function shaperDevice(wan: Wan): string {
  return `ifb-${wan.name}`;
}

/** Every interface that is ours, with its zone. */
export function zoneDevices(config: RouterConfig): ReadonlyMap<string, readonly string[]> {
  const zones = new Map<string, string[]>();
  const add = (zone: string, device: string): void => {
    zones.set(zone, [...(zones.get(zone) ?? []), device]);
  };
  for (const wan of config.wans) add(wan.zone, wanDevice(wan));
  for (const lan of config.lans) add(lan.zone, lanDevice(lan));
  for (const wireguard of config.wireguards) add(wireguard.zone, wireguardDevice(wireguard));
  return zones;
}

function taggedName(parent: string, vlan: number): string {
  return vlan === 0 ? parent : `${parent}.${vlan}`;
}
