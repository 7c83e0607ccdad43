/** How often and how fast something that failed is tried again (consul-template's `retry`). */
export interface RetryPolicy {
  readonly enabled: boolean;
  /** 0: for ever. */
  readonly attempts: number;
  readonly backoffMs: number;
  /** 0: no limit. */
  readonly maxBackoffMs: number;
}

export const DEFAULT_RETRY: RetryPolicy = { enabled: true, attempts: 12, backoffMs: 250, maxBackoffMs: 60_000 };
export const RETRY_FOR_EVER: RetryPolicy = { ...DEFAULT_RETRY, attempts: 0 };

/** Longer pauses overflow a timer. */
const LONGEST_MS = 2 ** 31 - 1;

/** The pause after the `failures`-th failure in a row: the base, doubled each time. Undefined: enough. */
export function pauseAfter(failures: number, policy: RetryPolicy): number | undefined {
  if (!policy.enabled || (policy.attempts > 0 && failures > policy.attempts)) return undefined;
  const limit = policy.maxBackoffMs > 0 ? policy.maxBackoffMs : LONGEST_MS;
  return Math.min(policy.backoffMs * 2 ** Math.min(failures - 1, 40), limit, LONGEST_MS);
}
