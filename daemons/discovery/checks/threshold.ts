import type { CheckStatus } from "#base/protocol/catalog.ts";

/** How many results in a row it takes to move a check (https://developer.hashicorp.com/consul/docs/register/health-check/vm). */
export interface Thresholds {
  /** Passing and warning results. 0 and 1: the first one counts. */
  readonly successBeforePassing: number;
  readonly failuresBeforeWarning: number;
  readonly failuresBeforeCritical: number;
}

export interface CheckProgress {
  readonly status: CheckStatus;
  readonly successes: number;
  readonly failures: number;
}

/** A check after one more result. */
export function observe(progress: CheckProgress, result: CheckStatus, thresholds: Thresholds): CheckProgress {
  if (result !== "critical") {
    const successes = progress.successes + 1;
    const status = successes >= thresholds.successBeforePassing ? result : progress.status;
    return { status, successes, failures: 0 };
  }
  const failures = progress.failures + 1;
  return { status: failedStatus(progress.status, failures, thresholds), successes: 0, failures };
}

function failedStatus(status: CheckStatus, failures: number, thresholds: Thresholds): CheckStatus {
  if (failures >= thresholds.failuresBeforeCritical) return "critical";
  // A check that is critical already does not get better by failing.
  if (failures >= thresholds.failuresBeforeWarning && status === "passing") return "warning";
  return status;
}

const RANK: Readonly<Record<CheckStatus, number>> = { passing: 0, warning: 1, critical: 2 };

/** `passing` when there is none. */
export function worstStatus(statuses: Iterable<CheckStatus>): CheckStatus {
  let worst: CheckStatus = "passing";
  for (const status of statuses) if (RANK[status] > RANK[worst]) worst = status;
  return worst;
}
