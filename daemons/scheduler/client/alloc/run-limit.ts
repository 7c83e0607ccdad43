import { nowNs, type Timer } from "#base/env/clock.ts";
import type { Env } from "#base/env/env.ts";
import type { TaskState } from "#base/protocol/alloc.ts";

export const RUN_LIMIT_DESCRIPTION = "allocation exceeded max_run_duration";
/** A clock that was set wrong is looked at again after this. */
const MAX_SLEEP_MS = 3_600_000;

export interface RunLimit {
  /** Nanoseconds; 0: none. Counts from when the first task started, or from now while none has. */
  set(limitNs: number, states: readonly TaskState[]): void;
  readonly exceeded: boolean;
  close(): void;
}

/** Ends batch work that takes too long. https://developer.hashicorp.com/nomad/docs/job-specification/group#max_run_duration */
export function createRunLimit(env: Env, onExceeded: () => void): RunLimit {
  let timer: Timer | undefined;
  let exceeded = false;
  let beganNs: number | undefined;
  const arm = (limitNs: number, fromNs: number): void => {
    timer?.cancel();
    const leftMs = (fromNs + limitNs - nowNs(env.clock)) / 1e6;
    if (leftMs > 0) {
      timer = env.clock.after(Math.min(leftMs, MAX_SLEEP_MS), () => arm(limitNs, fromNs));
      return;
    }
    exceeded = true;
    onExceeded();
  };
  return {
    set(limitNs, states) {
      timer?.cancel();
      if (exceeded || limitNs <= 0) return;
      const starts = states.map(({ StartedAt }) => StartedAt).filter((at) => at > 0);
      beganNs ??= starts.length === 0 ? nowNs(env.clock) : Math.min(...starts);
      arm(limitNs, beganNs);
    },
    get exceeded() {
      return exceeded;
    },
    close() {
      timer?.cancel();
    },
  };
}
