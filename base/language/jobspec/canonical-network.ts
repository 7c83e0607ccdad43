import type { NetworkResource, Port } from "#base/protocol/resources.ts";

export function canonicalNetwork(network: NetworkResource): NetworkResource {
  const port = (each: Port): Port => ({ ...each, HostNetwork: each.HostNetwork === "" ? "default" : each.HostNetwork });
  return {
    ...network,
    Mode: network.Mode === "" ? "host" : network.Mode,
    ReservedPorts: network.ReservedPorts.map(port),
    DynamicPorts: network.DynamicPorts.map(port),
  };
}
