import type { Lease } from "../leases/lease.ts";
import type { Ipv4 } from "../packet/ipv4.ts";

/** Where a reply goes (RFC 2131 §4.1). */
export type Destination =
  /** A relay or a configured client, by ordinary routing. */
  | { readonly kind: "host"; readonly ip: Ipv4; readonly port: number }
  /** Everybody on the interface it came from. */
  | { readonly kind: "broadcast" }
  /** A client without an address: its hardware address is all there is. */
  | { readonly kind: "hardware"; readonly ip: Ipv4; readonly mac: string };

export interface Reply {
  readonly bytes: Uint8Array;
  readonly to: Destination;
  readonly type: number;
  /** Options that found no room. */
  readonly dropped: readonly number[];
}

export type LeaseEvent = "granted" | "renewed" | "released" | "declined";

/** A lease as it has to be made durable before anything that rests on it is said. */
export interface LeaseChange {
  readonly lease: Lease;
  readonly before: Lease | undefined;
  readonly event: LeaseEvent;
}

/** What to do about a packet. The table already knows of `change`; the network hears `reply` only once it is durable. */
export type Decision =
  | { readonly kind: "ignore"; readonly reason: string }
  | { readonly kind: "reply"; readonly reply: Reply }
  | {
      readonly kind: "grant";
      readonly change: LeaseChange;
      readonly reply: Reply;
      /** Undefined: there is no way to say no. */
      readonly refusal: () => Reply | undefined;
    }
  | { readonly kind: "change"; readonly change: LeaseChange }
  /** Nobody is known here to have this address: whoever shares the leases is asked before the client is. */
  | { readonly kind: "look-up"; readonly ip: Ipv4; readonly subnet: string };

export function ignore(reason: string): Decision {
  return { kind: "ignore", reason };
}
