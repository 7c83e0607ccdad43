import type { Env } from "#base/env/env.ts";
import type { AgentConfig } from "#base/language/agent-config/config.ts";
import { AllocNetworks } from "./alloc-networks.ts";
import type { BridgeSettings } from "./bridge-network.ts";

/** The networks of this node's allocations, as its configuration has them. */
export function createNetworks(env: Env, client: AgentConfig["client"], allocsRoot: string): AllocNetworks {
  return new AllocNetworks({
    env,
    allocsRoot,
    bridge: bridgeSettings(client),
    cniPath: client.cniPath,
    cniConfigDir: client.cniConfigDir,
  });
}

export function bridgeSettings(client: AgentConfig["client"]): BridgeSettings {
  return {
    name: client.bridgeNetworkName,
    subnet: client.bridgeNetworkSubnet,
    subnetIpv6: client.bridgeNetworkSubnetIpv6,
    hairpin: client.bridgeNetworkHairpinMode,
    routed: client.bridgeNetworkRouted,
  };
}
