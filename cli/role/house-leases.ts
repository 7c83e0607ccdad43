import type { ConsulClient } from "#base/client/consul-client.ts";
import type { Clock } from "#base/env/clock.ts";
import { isHeld } from "#daemons/dhcp/leases/lease.ts";
import { INFINITE_MS } from "#daemons/dhcp/settings/settings.ts";
import { createSharedKv } from "#daemons/dhcp/share/kv.ts";
import { leaseKey, removeLease, storedLeases, type StoredLease } from "#daemons/dhcp/share/stored-leases.ts";
import type { HouseLease, HouseLeases } from "#daemons/dns/http/api-deps.ts";

/** What the DHCP instances share, for the DNS server's API. */
export function houseLeases(client: ConsulClient, clock: Clock): HouseLeases {
  const kv = createSharedKv(client, clock);
  return {
    held: async () => {
      const nowMs = clock.nowMs();
      return (await storedLeases(kv))?.filter(({ lease }) => isHeld(lease, nowMs)).map(told);
    },
    remove: async (address) => {
      const key = leaseKey(address);
      return key === undefined ? "no address" : (await removeLease(kv, key, { nowMs: clock.nowMs() })).kind;
    },
  };
}

function told({ address, lease: { name, mac, client, endMs } }: StoredLease): HouseLease {
  const [kind, hex = ""] = client.split(":");
  const clientId = kind === "hw" ? "" : hex.replaceAll(/..(?=.)/g, "$&:");
  return { address, name, mac, clientId, endsMs: endMs === INFINITE_MS ? undefined : endMs };
}
