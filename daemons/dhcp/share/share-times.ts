/** How far instances that do not hear of each other may go. All in milliseconds. */
export interface ShareTimes {
  /** An instance that is cut off prolongs a lease it knows of by this much beyond what the store has. */
  readonly leadMs: number;
  /** What clocks may differ by, and more. */
  readonly slackMs: number;
  /** An instance owns its blocks for this long after it last heard of the store; then others may have them. */
  readonly takeoverMs: number;
  /** A read of everything that is shared ends after this long at the latest. */
  readonly readMs: number;
}

export function shareTimes(takeoverMs: number): ShareTimes {
  return {
    leadMs: 30 * 60_000,
    slackMs: 5 * 60_000,
    takeoverMs,
    readMs: Math.max(1000, Math.min(30_000, takeoverMs / 16)),
  };
}
