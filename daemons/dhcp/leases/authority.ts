import type { Ipv4 } from "../packet/ipv4.ts";
import type { Subnet } from "../settings/settings.ts";
import type { Lease } from "./lease.ts";

/** What this instance may promise, given what the others may be promising at the same time. */
export interface Authority {
  /** May give the addresses of a network's block to clients that did not have them. */
  owns(subnet: Subnet, block: number): boolean;
  /** Addresses whose last promise ended before this may be given to others. */
  reusableBefore(nowMs: number): number;
  /** No promise on the address may reach beyond this. `current` is the client's own lease, undefined for a fresh one. */
  latestEnd(at: { readonly ip: Ipv4; readonly current: Lease | undefined }, nowMs: number): number;
  /** False: nothing may be said at all; what the others promised was never known. */
  mayServe(nowMs: number): boolean;
  /** Others give addresses too: what is unknown here may be known there. */
  readonly isShared: boolean;
  /** The store can be asked about an address that is not known here. */
  readonly canLookUp: boolean;
}

/** One instance, whose own log is all there is. */
export const ALONE: Authority = {
  owns: () => true,
  reusableBefore: (nowMs) => nowMs,
  latestEnd: () => Infinity,
  mayServe: () => true,
  isShared: false,
  canLookUp: false,
};
