import type { Remembrance } from "./members.ts";
import { EVENT_BYTES, QUERY_BYTES, QUERY_RESPONSE_BYTES } from "./limits.ts";

export interface SerfSettings extends Remembrance {
  readonly eventBytes: number;
  readonly queryBytes: number;
  readonly queryResponseBytes: number;
  /** A query waits `gossipIntervalMs × queryTimeoutMultiplier × ⌈log10(n + 1)⌉` for answers. */
  readonly queryTimeoutMultiplier: number;
  readonly gossipIntervalMs: number;
  readonly retransmitMultiplier: number;
  /** Whether coordinates are measured and sent. */
  readonly coordinates: boolean;
}

const DAY_MS = 24 * 3_600_000;

/** Serf's defaults (`serf/config.go`). */
export const serfDefaults: SerfSettings = {
  reconnectTimeoutMs: DAY_MS,
  tombstoneTimeoutMs: DAY_MS,
  eventBytes: EVENT_BYTES,
  queryBytes: QUERY_BYTES,
  queryResponseBytes: QUERY_RESPONSE_BYTES,
  queryTimeoutMultiplier: 16,
  gossipIntervalMs: 200,
  retransmitMultiplier: 4,
  coordinates: true,
};

/** ⌈log10(n + 1)⌉, at least 1. */
export function spread(members: number): number {
  return Math.max(1, Math.ceil(Math.log10(members + 1)));
}
