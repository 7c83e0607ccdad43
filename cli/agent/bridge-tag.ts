import type { Net } from "#base/env/net.ts";
import type { AgentConfig } from "#base/language/agent-config/config.ts";
import { announcement, BRIDGE_TAG } from "#daemons/scheduler/client/network/routes/route-plan.ts";

/** What this node says of its bridge in gossip; nothing where others shall not reach it. */
export function bridgeTag({ client }: AgentConfig, advertise: string, net: Net): Readonly<Record<string, string>> {
  if (!client.enabled || !client.bridgeNetworkRouted) return {};
  const { bridgeNetworkSubnet, bridgeNetworkSubnetIpv6 } = client;
  return {
    [BRIDGE_TAG]: announcement([bridgeNetworkSubnet, bridgeNetworkSubnetIpv6], linkLocalBeside(advertise, net)),
  };
}

/** Of the interface that has this address. */
function linkLocalBeside(address: string, net: Net): string | undefined {
  const all = net.interfaces();
  const name = all.find((each) => each.address === address)?.name;
  return all.find((each) => each.name === name && each.address.startsWith("fe80:"))?.address.replace(/%.*$/, "");
}
