import { HttpError } from "./http-error.ts";

/** `stale`: whatever this server has. `default`: what its leader had a moment ago. `consistent`: verified now. */
export type ConsistencyMode = "stale" | "default" | "consistent";

export interface Freshness {
  readonly knownLeader: boolean;
  /** Since this server last heard of the leader. */
  readonly lastContactMs: number;
}

/** How a server makes sure that what it answers is fresh enough. */
export interface Consistency {
  /** Resolves when the view may answer a read of this mode. Throws an {@link HttpError} 500 when there is no leader. */
  barrier(mode: Exclude<ConsistencyMode, "stale">): Promise<void> | undefined;
  freshness(): Freshness;
}

/** One server, whose view holds all that was written before: always fresh. */
export const singleServer: Consistency = {
  barrier: () => undefined,
  freshness: () => ({ knownLeader: true, lastContactMs: 0 }),
};

/** Reads `?stale` and `?consistent`. */
export function consistencyOf(query: ReadonlyMap<string, readonly string[]>): ConsistencyMode {
  const stale = isSet(query, "stale");
  const consistent = isSet(query, "consistent");
  if (stale && consistent) throw new HttpError(400, "Cannot specify ?stale with ?consistent, conflicting semantics.");
  if (stale) return "stale";
  return consistent ? "consistent" : "default";
}

function isSet(query: ReadonlyMap<string, readonly string[]>, name: string): boolean {
  const value = query.get(name)?.[0];
  return value !== undefined && value !== "false" && value !== "0";
}
