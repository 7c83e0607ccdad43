import { formatDuration } from "#base/language/duration.ts";
import type { Random } from "#base/env/random.ts";
import type { RestartPolicy } from "#base/protocol/policies.ts";

/** How often a task was started anew since `sinceNs`, the start of the current interval. */
export interface RestartWindow {
  readonly count: number;
  readonly sinceNs: number;
}

export const freshWindow: RestartWindow = { count: 0, sinceNs: 0 };

/** Complete: every field has a value. Durations in nanoseconds. */
export interface CompletePolicy {
  readonly attempts: number;
  readonly intervalNs: number;
  readonly delayNs: number;
  readonly mode: "fail" | "delay";
}

export type RestartVerdict =
  | { readonly kind: "restart"; readonly delayMs: number; readonly reason: string; readonly window: RestartWindow }
  | { readonly kind: "give-up"; readonly reason: string };

/** Up to a quarter of the delay is added, so that tasks that fell together do not rise together. */
const JITTER_SHARE = 0.25;
const WITHIN_POLICY = "Restart within policy";

/** Defaults: https://developer.hashicorp.com/nomad/docs/job-specification/restart */
export function completePolicy(policy: RestartPolicy | null, jobType: string): CompletePolicy {
  const batch = jobType === "batch" || jobType === "sysbatch";
  return {
    attempts: policy?.Attempts ?? (batch ? 3 : 2),
    intervalNs: policy?.Interval ?? (batch ? 24 * 3600e9 : 30 * 60e9),
    delayNs: policy?.Delay ?? 15e9,
    mode: policy?.Mode === "delay" ? "delay" : "fail",
  };
}

export function decideRestart(
  policy: CompletePolicy,
  window: RestartWindow,
  now: { readonly nowNs: number; readonly random: Random },
): RestartVerdict {
  const { attempts, intervalNs, delayNs } = policy;
  const expired = window.count === 0 || now.nowNs - window.sinceNs > intervalNs;
  const current = expired ? { count: 0, sinceNs: now.nowNs } : window;
  const jittered = delayNs * (1 + JITTER_SHARE * now.random.float());
  if (current.count < attempts) {
    const next = { count: current.count + 1, sinceNs: current.sinceNs };
    return { kind: "restart", delayMs: jittered / 1e6, reason: WITHIN_POLICY, window: next };
  }
  const exceeded = `Exceeded allowed attempts ${attempts} in interval ${formatDuration(intervalNs)}`;
  if (policy.mode === "fail") return { kind: "give-up", reason: `${exceeded} and mode is "fail"` };
  const untilNs = Math.max(0, current.sinceNs + intervalNs - now.nowNs);
  return { kind: "restart", delayMs: (untilNs + jittered) / 1e6, reason: exceeded, window: freshWindow };
}
