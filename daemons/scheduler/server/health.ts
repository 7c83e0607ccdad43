import type { AllocSides } from "./alloc-state.ts";

export interface Health {
  /** Null: not known yet. */
  readonly Healthy: boolean | null;
  /** Nanoseconds since the epoch. */
  readonly Timestamp: number;
}

const NOT_KNOWN: Health = { Healthy: null, Timestamp: 0 };

/** A person's word, else the client's for the deployment the allocation belongs to now. */
export function healthOf({ alloc, report }: AllocSides): Health {
  if (alloc.DeploymentHealth !== null) return alloc.DeploymentHealth;
  const found = report?.DeploymentStatus ?? null;
  if (report === undefined || found === null) return NOT_KNOWN;
  // One that was updated in place is watched anew.
  const outdated = report.DeploymentID !== "" && report.DeploymentID !== alloc.DeploymentID;
  return outdated ? NOT_KNOWN : found;
}
