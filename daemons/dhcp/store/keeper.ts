import type { LeaseChange } from "../answer/decision.ts";
import type { Lease } from "../leases/lease.ts";

/**
 * `kept`: durable. `taken`: somebody else has the address, and the table says who. `failed`: it may be there or not, and
 * nothing may be said.
 */
export type Kept = "kept" | "taken" | "failed";

/** Makes changes durable, many at a time. */
export interface Keeper {
  keep(change: LeaseChange): Promise<Kept>;
  /** Leases whose times were told by a clock that has been set right since. */
  restamp(leases: readonly Lease[]): Promise<void>;
  close(): Promise<void>;
}

/** Changes that wait for the disk or the store; past it packets go unanswered, and clients ask again. */
export const MAX_WAITING = 16_384;
