import { isHeld, type Lease } from "../leases/lease.ts";

/** What becomes of an address of which this instance and the store know different things. */
export type Merge =
  | { readonly kind: "store" }
  | { readonly kind: "push"; readonly lease: Lease }
  /** Both promised it, to different clients: what the rules are there to prevent. The store's stays. */
  | { readonly kind: "conflict" };

/** `mine` was promised while the store could not be asked; `stored` is there now. */
export function mergeLease(mine: Lease, stored: Lease | undefined, nowMs: number): Merge {
  if (stored === undefined) return mine.endMs > nowMs ? { kind: "push", lease: mine } : { kind: "store" };
  if (mine.client === stored.client) {
    if (mine.endMs <= stored.endMs && mine.startMs <= stored.startMs) return { kind: "store" };
    const newer = mine.startMs >= stored.startMs ? mine : stored;
    return { kind: "push", lease: { ...newer, endMs: Math.max(mine.endMs, stored.endMs) } };
  }
  const isLater = mine.startMs > stored.startMs;
  if (isHeld(mine, nowMs) && isHeld(stored, nowMs)) return { kind: "conflict" };
  return isLater && !isHeld(stored, nowMs) ? { kind: "push", lease: mine } : { kind: "store" };
}
