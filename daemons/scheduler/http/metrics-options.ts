import type { GaugeSource } from "../gauge.ts";

/** What an agent measures and to whom it tells. */
export interface MetricsOptions {
  /** Whether Prometheus's format is served. */
  readonly prometheus: boolean;
  /** `+name` and `-name`: names that start so are given, or not; the longest that fits decides. */
  readonly prefixFilter: readonly string[];
  /** Beside the scheduler's server. */
  readonly sources: readonly GaugeSource[];
}
