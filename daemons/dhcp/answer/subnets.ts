import { isInside, readIpv4, type Ipv4 } from "../packet/ipv4.ts";
import * as code from "../packet/option-codes.ts";
import type { DhcpPacket } from "../packet/packet.ts";
import type { Settings, Subnet } from "../settings/settings.ts";
import type { Client } from "./client.ts";

/** Where a packet came in. */
export interface Arrival {
  readonly interface: string;
  /** This server's address there. */
  readonly self: Ipv4;
}

/**
 * The subnets a client can be in, the likeliest first: what the relay or the client selects (RFC 3527, RFC 3011), the
 * relay's own network, or those of the interface. Several on one interface share a wire.
 */
export function subnetsFor(
  settings: Settings,
  { packet, client, arrival }: { readonly packet: DhcpPacket; readonly client: Client; readonly arrival: Arrival },
): readonly Subnet[] {
  const linked = client.relay?.linkSelection ?? selectionOf(packet);
  if (linked !== undefined) {
    const ip = readIpv4(linked, 0);
    return settings.subnets.filter(({ network }) => isInside(ip, network));
  }
  const { giaddr, ciaddr } = packet;
  if (giaddr !== 0)
    return settings.subnets.filter(({ network, relays }) => isInside(giaddr, network) || relays.includes(giaddr));
  const local = settings.subnets.filter((subnet) => subnet.interface === arrival.interface);
  if (ciaddr === 0 || local.some(({ network }) => isInside(ciaddr, network))) return local;
  // A relayed client renews by unicast, and that comes in wherever the route leads.
  const routed = settings.subnets.filter(({ network }) => isInside(ciaddr, network));
  return routed.length > 0 ? routed : local;
}

function selectionOf(packet: DhcpPacket): Uint8Array | undefined {
  const bytes = packet.options.get(code.SUBNET_SELECTION);
  return bytes?.length === 4 ? bytes : undefined;
}
