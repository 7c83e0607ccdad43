import * as v from "valibot";
import { Reservation6Schema, Subnet6Schema } from "../v6/schema.ts";

/** A value as {@link import("../packet/option-value.ts")} reads it; `self` stands for this server's address on the interface. */
const option = v.union([v.string(), v.number(), v.boolean(), v.array(v.union([v.string(), v.number()]))]);

/** By name (`router`), by code (`42`), or by code and kind (`224:ip`). */
const options = v.optional(v.record(v.string(), option), {});
const texts = v.optional(v.array(v.string()), []);

const boot = v.strictObject({
  /** Tags the client must all have. Empty: any client. */
  when: texts,
  file: v.optional(v.string(), ""),
  /** An address; the client's next server. */
  server: v.optional(v.string(), ""),
  serverName: v.optional(v.string(), ""),
});

/** What a client must show to be of a class; all that are given must hold. Patterns end in `*` for a prefix. */
const clientClass = v.strictObject({
  name: v.string(),
  vendorClass: v.optional(v.string()),
  userClass: v.optional(v.string()),
  mac: v.optional(v.string()),
  circuitId: v.optional(v.string()),
  remoteId: v.optional(v.string()),
  hostname: v.optional(v.string()),
  arch: v.optional(v.number()),
  options,
  force: texts,
});

export const ReservationSchema = v.strictObject({
  mac: v.optional(v.string()),
  /** Hexadecimal digits, or text between quotes. */
  clientId: v.optional(v.string()),
  /** Matches the name the client gives itself, where neither of the above is given. */
  hostname: v.optional(v.string()),
  address: v.optional(v.string()),
  /** The name it gets; default: its own. */
  name: v.optional(v.string()),
  leaseTime: v.optional(v.string()),
  tags: texts,
  options,
  force: texts,
});
export type ReservationInput = v.InferOutput<typeof ReservationSchema>;

const pool = v.union([
  v.string(),
  v.strictObject({
    range: v.string(),
    /** Clients need one of these tags. Empty: any client. */
    tags: texts,
  }),
]);

const subnet = v.strictObject({
  network: v.string(),
  /** Absent: only relays reach it. */
  interface: v.optional(v.string()),
  /** `192.168.1.100-192.168.1.199`, or a single address. */
  pools: v.optional(v.array(pool), []),
  /** Addresses that are never given. */
  exclude: texts,
  /** Relays whose own address is not in the network. */
  relays: texts,
  leaseTime: v.optional(v.string()),
  domain: v.optional(v.string()),
  options,
  force: texts,
  boot: v.optional(v.array(boot), []),
  /** Another server gives the addresses here; machines that boot from the network are told what to boot (proxyDHCP). */
  proxy: v.optional(v.boolean(), false),
});

/** The whole configuration as a person writes it. Durations are `90s`, `12h`, `7d` or `infinite`. */
export const SettingsSchema = v.strictObject({
  leaseTime: v.optional(v.string(), "12h"),
  domain: v.optional(v.string(), ""),
  /** Says no to clients that ask for what they cannot have, instead of keeping silent. */
  authoritative: v.optional(v.boolean(), true),
  rapidCommit: v.optional(v.boolean(), false),
  /** Asks the network whether an address is in use before it is given away. */
  probe: v.optional(v.boolean(), true),
  /** How long an address stays unused after a client said somebody else has it. */
  declineTime: v.optional(v.string(), "1h"),
  /** Which machines that speak BOOTP only get an address: those with a reservation, or any. */
  bootp: v.optional(v.picklist(["reserved", "any"]), "reserved"),
  /** How long such an address is kept after the machine last asked; it never says that it is still there. */
  bootpTime: v.optional(v.string(), "infinite"),
  /** Sharing: how long an instance that is cut off owns its part of the pools. */
  takeoverAfter: v.optional(v.string(), "24h"),
  /** A program run for every change of a lease, with the facts in its environment. */
  hook: texts,
  options,
  force: texts,
  classes: v.optional(v.array(clientClass), []),
  boot: v.optional(v.array(boot), []),
  subnets: v.pipe(v.array(subnet), v.minLength(1, "at least one subnet is expected")),
  reservations: v.optional(v.array(ReservationSchema), []),
  /** DHCPv6. */
  subnets6: v.optional(v.array(Subnet6Schema), []),
  reservations6: v.optional(v.array(Reservation6Schema), []),
});
export type SettingsInput = v.InferOutput<typeof SettingsSchema>;
export type SubnetInput = v.InferOutput<typeof subnet>;
export type ClassInput = v.InferOutput<typeof clientClass>;
export type BootInput = v.InferOutput<typeof boot>;
