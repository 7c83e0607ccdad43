import type { ConsulClient } from "#base/client/consul-client.ts";
import { pairOf } from "#daemons/dhcp/share/kv.ts";
import { LEASE_PREFIXES, leasesIn, type StoredLease } from "#daemons/dhcp/share/stored-leases.ts";
import { foundOf } from "../api/answer.ts";

/** What the cluster's keys say, of IPv4 first; throws why it does not say it. */
export async function readLeases(consul: ConsulClient): Promise<readonly StoredLease[]> {
  const found = await Promise.all(LEASE_PREFIXES.map((prefix) => consul.kv.list(prefix)));
  return leasesIn(found.flatMap((each) => foundOf(each) ?? []).map(pairOf));
}
