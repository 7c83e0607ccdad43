import * as v from "valibot";

const texts = v.optional(v.array(v.string()), () => []);

export const Subnet6Schema = v.strictObject({
  /** `fd00:1::/64`. */
  network: v.string(),
  /** Absent: only relays reach it. */
  interface: v.optional(v.string()),
  /** `fd00:1::1000-fd00:1::1fff`, or single addresses; all within the same 112 bits. None: no addresses are given. */
  pools: texts,
  /** Addresses that are never given. */
  exclude: texts,
  /** Prefixes for routers behind this network: `from` (`fd00:8000::/48`) cut into ones of `length` bits. */
  delegate: v.optional(v.strictObject({ from: v.string(), length: v.number() })),
  leaseTime: v.optional(v.string()),
  domain: v.optional(v.string()),
  dnsServers: texts,
  domainSearch: texts,
  ntpServers: texts,
  /** A URL, for machines that boot from the network. */
  bootFile: v.optional(v.string(), ""),
  /** By code, as hexadecimal digits. */
  options: v.optional(v.record(v.string(), v.string()), () => ({})),
});
export type Subnet6Input = v.InferOutput<typeof Subnet6Schema>;

export const Reservation6Schema = v.strictObject({
  /** Hexadecimal digits. */
  duid: v.optional(v.string()),
  mac: v.optional(v.string()),
  address: v.optional(v.string()),
  /** A prefix of its own, out of what is delegated. */
  prefix: v.optional(v.string()),
  name: v.optional(v.string(), ""),
  leaseTime: v.optional(v.string()),
});
export type Reservation6Input = v.InferOutput<typeof Reservation6Schema>;
