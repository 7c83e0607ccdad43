import type { ConsulClient } from "#base/client/consul-client.ts";
import { LEASES, LEASES6 } from "#daemons/dhcp/share/lease-replica.ts";
import { readStoredLease, type StoredLease } from "#daemons/dhcp/share/stored-leases.ts";
import { foundOf } from "../api/answer.ts";

/** What the cluster's keys say, of IPv4 first; throws why it does not say it. */
export async function readLeases(consul: ConsulClient): Promise<readonly StoredLease[]> {
  const pairs = [...(foundOf(await consul.kv.list(LEASES)) ?? []), ...(foundOf(await consul.kv.list(LEASES6)) ?? [])];
  return pairs.flatMap(({ Key, Value, ModifyIndex }) => {
    const value = Buffer.from(Value, "base64").toString("utf8");
    return readStoredLease({ key: Key, value, index: ModifyIndex }) ?? [];
  });
}
