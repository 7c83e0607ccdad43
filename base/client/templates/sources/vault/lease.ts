import * as v from "valibot";

/** What an answer says about its own life (https://developer.hashicorp.com/vault/docs/concepts/lease). Durations in seconds. */
export const LeaseSchema = v.object({
  lease_id: v.nullish(v.string(), ""),
  lease_duration: v.nullish(v.number(), 0),
  renewable: v.nullish(v.boolean(), false),
  data: v.nullish(v.record(v.string(), v.unknown())),
});
export type Lease = v.InferOutput<typeof LeaseSchema>;

export interface LeasePolicy {
  /** For secrets without a lease. */
  readonly defaultLeaseMs: number;
  /** The part of a lease after which a secret that cannot be renewed is read again. */
  readonly threshold: number;
}

/** The part of a lease after which it is renewed. */
export const RENEW_AT = 2 / 3;
/** Nothing is asked for more often. */
export const SHORTEST_MS = 1000;
/** Chance spreads the moments of many: at most this part earlier. */
const JITTER = 0.1;

/** How long the answer of a secret that is not renewed may stand. `chance` in [0, 1). */
export function restMs(
  lease: Lease,
  { defaultLeaseMs, threshold }: LeasePolicy,
  at: { readonly nowMs: number; readonly chance: number },
): number {
  const { data } = lease;
  // A password that the database's engine rotates on a schedule says how long it is good for.
  if (isNumber(data?.["rotation_period"]) || typeof data?.["rotation_schedule"] === "string") {
    const ttl = data?.["ttl"];
    if (isNumber(ttl) && ttl > 0) return (ttl + 1) * 1000;
  }
  const expiration = Number(data?.["expiration"]);
  const endsInMs = isNumber(expiration) && data?.["certificate"] !== undefined ? expiration * 1000 - at.nowMs : 0;
  const wholeMs = endsInMs > 0 ? endsInMs : lease.lease_duration > 0 ? lease.lease_duration * 1000 : defaultLeaseMs;
  return Math.max(SHORTEST_MS, wholeMs * threshold * (1 - JITTER * at.chance));
}

/** When to renew a lease of this length: at two thirds of it, some earlier. */
export function renewAfterMs(seconds: number, chance: number): number {
  return Math.max(SHORTEST_MS, seconds * 1000 * RENEW_AT * (1 - JITTER * chance));
}

function isNumber(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value);
}
