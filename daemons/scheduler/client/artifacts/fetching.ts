import type { Env } from "#base/env/env.ts";
import type { ArtifactLimits } from "./limits.ts";

/** What every step of fetching one artifact works with. */
export interface Fetching {
  readonly env: Env;
  /** Empty at the start, not seen by tasks, and removed at the end. */
  readonly folder: string;
  readonly limits: ArtifactLimits;
  readonly signal: AbortSignal;
}
