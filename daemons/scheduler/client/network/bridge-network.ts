import * as v from "valibot";
import { ADMIN_CHAIN } from "./admin-chain.ts";
import { ConflistSchema, type Conflist } from "./cni.ts";

export interface BridgeSettings {
  /** Of the interface. */
  readonly name: string;
  readonly subnet: string;
  /** Empty: IPv4 alone. */
  readonly subnetIpv6: string;
  readonly hairpin: boolean;
  /** Whether other nodes' bridges are reached by their own addresses; `routes/` translates what goes elsewhere. */
  readonly routed: boolean;
}

/** Where the addresses of a bridge are noted. */
export function leasesOf({ name }: Pick<BridgeSettings, "name">): string {
  return `${LEASES}/${name}`;
}

/** Addresses that are given out are noted here: they end with the namespaces, at the next boot. */
const LEASES = "/run/lares/cni";

/** The network of `mode = "bridge"`: addresses behind NAT on one bridge, and ports of the host led to them. */
export function bridgeNetwork({ name, subnet, subnetIpv6, hairpin, routed }: BridgeSettings): Conflist {
  const hasIpv6 = subnetIpv6 !== "";
  return v.parse(ConflistSchema, {
    cniVersion: "1.0.0",
    name,
    plugins: [
      { type: "loopback" },
      {
        type: "bridge",
        bridge: name,
        isGateway: true,
        ipMasq: !routed,
        forceAddress: !hasIpv6,
        // One's own service is reached through the host's port, too. Kernels that show the firewall what bridges pass on
        // (br_netfilter) send such packets out where they came in.
        hairpinMode: hairpin,
        ipam: {
          type: "host-local",
          dataDir: LEASES,
          ranges: [[{ subnet }], ...(hasIpv6 ? [[{ subnet: subnetIpv6 }]] : [])],
          routes: [{ dst: "0.0.0.0/0" }, ...(hasIpv6 ? [{ dst: "::/0" }] : [])],
        },
      },
      { type: "firewall", backend: "iptables", iptablesAdminChainName: ADMIN_CHAIN },
      { type: "portmap", capabilities: { portMappings: true }, snat: true },
    ],
  });
}
