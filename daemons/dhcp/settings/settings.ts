import { IPV4_TEXT, type AddressText } from "../leases/address-text.ts";
import type { AssociationKind } from "../v6/association.ts";
import type { Network6 } from "../v6/handles.ts";
import type { Option6 } from "../v6/message.ts";
import type { Ipv4, Ipv4Network } from "../packet/ipv4.ts";

/** A lease that never ends, in milliseconds; on the wire 0xffffffff seconds (RFC 2131 §3.3). */
export const INFINITE_MS = Number.MAX_SAFE_INTEGER;

/** Where `self` stands in a configuration: the answering server's own address. */
export const SELF = "self";

export interface OptionEntry {
  readonly code: number;
  /** Bytes, or addresses with `self` among them. */
  readonly value: Uint8Array | readonly (Ipv4 | typeof SELF)[];
}

export interface OptionSet {
  readonly entries: ReadonlyMap<number, OptionEntry>;
  /** Sent whether the client asked or not. */
  readonly forced: ReadonlySet<number>;
}

export interface BootRule {
  readonly when: readonly string[];
  readonly file: string;
  /** 0: this server. */
  readonly server: Ipv4;
  readonly serverName: string;
}

export interface ClassRule {
  readonly name: string;
  readonly vendorClass: string | undefined;
  readonly userClass: string | undefined;
  readonly mac: string | undefined;
  readonly circuitId: string | undefined;
  readonly remoteId: string | undefined;
  readonly hostname: string | undefined;
  readonly arch: number | undefined;
  readonly options: OptionSet;
}

export interface Reservation {
  /** Client keys it is for (`hw:…`, `id:…`); empty: it goes by `hostname`. */
  readonly clients: readonly string[];
  readonly hostname: string;
  readonly ip: Ipv4 | undefined;
  readonly name: string;
  readonly leaseMs: number | undefined;
  readonly tags: readonly string[];
  readonly options: OptionSet;
}

export interface PoolRange {
  readonly first: Ipv4;
  readonly last: Ipv4;
  readonly tags: readonly string[];
}

export interface Subnet {
  readonly index: number;
  /** The network as text: its name everywhere. */
  readonly id: string;
  readonly network: Ipv4Network;
  /** Addresses that instances share out between them as one; default: a 64th of the network. */
  readonly blockSize?: number;
  readonly interface: string | undefined;
  readonly relays: readonly Ipv4[];
  readonly pools: readonly PoolRange[];
  readonly exclude: ReadonlySet<Ipv4>;
  readonly leaseMs: number;
  readonly domain: string;
  readonly options: OptionSet;
  readonly boot: readonly BootRule[];
  /** Addresses are another server's to give; here it is only said what to boot. */
  readonly isProxy?: boolean;
}

/** What tells IPv4's leases from IPv6's where they are kept. */
export interface Family {
  readonly addresses: AddressText;
  /** What is shared stands below this key. */
  readonly keys: string;
}

export const KEYS6 = "lares/dhcp6/";
export const IPV4: Family = { addresses: IPV4_TEXT, keys: "lares/dhcp/" };

export interface Settings {
  readonly family: Family;
  readonly authoritative: boolean;
  readonly rapidCommit: boolean;
  readonly probe: boolean;
  readonly declineMs: number;
  /** How long a machine that speaks BOOTP only has an address of a pool; undefined: it gets none. */
  readonly bootpMs?: number | undefined;
  readonly takeoverMs: number;
  readonly hook: readonly string[];
  readonly options: OptionSet;
  readonly classes: readonly ClassRule[];
  readonly boot: readonly BootRule[];
  readonly subnets: readonly Subnet[];
  readonly reservations: readonly Reservation[];
  /** Undefined: IPv6 is somebody else's. */
  readonly six?: Settings6 | undefined;
}

/** A network that clients are on, and what they get there. */
export interface Link6 {
  /** The network as text: its name everywhere. */
  readonly id: string;
  readonly network: Network6;
  readonly interface: string | undefined;
  /** What leases are taken of, by numbers ({@link import("../v6/handles.ts").Handles}). */
  readonly pools: readonly { readonly kind: AssociationKind; readonly subnet: Subnet }[];
  /** What is told to whoever asks for it. */
  readonly options: readonly Option6[];
  readonly domain: string;
}

export interface Reservation6 {
  /** Hexadecimal digits; empty: it goes by `mac`. */
  readonly duid: string;
  readonly mac: string;
  /** By the subnet's name. */
  readonly bySubnet: ReadonlyMap<string, Reservation>;
  /** Where it names nothing. */
  readonly other: Reservation;
}

export interface Settings6 {
  readonly rapidCommit: boolean;
  readonly links: readonly Link6[];
  readonly reservations: readonly Reservation6[];
  /** Of what keeps and shares the leases. */
  readonly leases: Settings;
}
