import { parseIpv4 } from "#daemons/dhcp/packet/ipv4.ts";
import type { Lease } from "#daemons/dhcp/leases/lease.ts";
import { INFINITE_MS } from "#daemons/dhcp/settings/settings.ts";
import { withConsul } from "../api/session.ts";
import { columns } from "../print/columns.ts";
import { live } from "../print/live.ts";
import { printed } from "../print/show.ts";
import { readLeases } from "./read-leases.ts";

/** Leases as the instances share them: IPv4's by address, then IPv6's. */
export const leases = live(
  withConsul(async ({ consul, env, output, flags }) => {
    const nowMs = env.clock.nowMs();
    const all = await readLeases(consul);
    const rows = all
      .filter(({ lease }) => flags.on("all") || stateOf(lease, nowMs) === "bound")
      .toSorted((a, b) => placeOf(a.address) - placeOf(b.address))
      .map(({ address, lease }) => ({
        address,
        name: lease.name,
        mac: lease.mac,
        state: stateOf(lease, nowMs),
        expires: lease.endMs === INFINITE_MS ? "never" : new Date(lease.endMs).toISOString(),
        client: lease.client,
        vendor: lease.vendor,
      }));
    if (await printed({ flags, output }, rows)) return 0;
    const shown = rows.map((row) => [row.address, row.name || "-", row.mac || "-", row.state, row.expires]);
    for (const line of columns(["Address", "Name", "MAC", "State", "Expires"], shown)) output.line(line);
    return 0;
  }),
);

/** IPv6's stay in the order of their keys, behind the others. */
function placeOf(address: string): number {
  return parseIpv4(address) ?? 2 ** 32;
}

function stateOf({ state, endMs }: Lease, nowMs: number): string {
  return state === "bound" && endMs <= nowMs ? "expired" : state;
}
