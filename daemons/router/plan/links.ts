import { isBridge, lanDevice, shaperDevice, wireguardDevice } from "../config/devices.ts";
import type { RouterConfig } from "../config/model.ts";
import type { WantedLink } from "./desired.ts";

const PLAIN = { parent: "", vlan: 0, master: "", mac: "", mtu: 0 } as const;

/** Interfaces in the order they have to be made: what others stand on comes first. */
export function planLinks({ wans, lans, wireguards }: RouterConfig): readonly WantedLink[] {
  const links = new Map<string, WantedLink>();
  const add = (link: WantedLink): void => {
    const other = links.get(link.name);
    // A parent that is also used itself keeps what its own block says.
    if (other === undefined || other.kind === "present") links.set(link.name, { ...other, ...link });
  };
  const ethernet = (parent: string, vlan: number, more: Partial<WantedLink>): void => {
    if (vlan !== 0) {
      if (!links.has(parent)) add({ ...PLAIN, name: parent, kind: "present" });
      add({ ...PLAIN, name: `${parent}.${vlan}`, kind: "vlan", parent, vlan, ...more });
    } else add({ ...PLAIN, name: parent, kind: "present", ...more });
  };
  for (const wan of wans) {
    ethernet(wan.interface, wan.vlan, { mac: wan.mac, mtu: wan.kind === "pppoe" ? pppoeLinkMtu(wan.mtu) : wan.mtu });
    if (wan.qos !== null && wan.qos.download > 0) add({ ...PLAIN, name: shaperDevice(wan), kind: "ifb" });
  }
  for (const lan of lans) {
    const master = isBridge(lan) ? lanDevice(lan) : "";
    if (master !== "") add({ ...PLAIN, name: master, kind: "bridge", mtu: lan.mtu });
    for (const port of lan.interfaces) ethernet(port, lan.vlan, { master, mtu: lan.mtu });
  }
  for (const each of wireguards) add({ ...PLAIN, name: wireguardDevice(each), kind: "wireguard", mtu: each.mtu });
  return [...links.values()];
}

/** Bytes PPPoE adds to each packet (RFC 2516, 7); only packets above 1492 ask for larger frames (RFC 4638). */
function pppoeLinkMtu(mtu: number): number {
  return mtu > 1492 ? mtu + 8 : 0;
}
