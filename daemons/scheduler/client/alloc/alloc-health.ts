import type { Timer } from "#base/env/clock.ts";
import type { Env } from "#base/env/env.ts";
import { nowNs } from "#base/env/clock.ts";
import type { UpdateStrategy } from "#base/protocol/policies.ts";

/** What the verdict hangs on at this moment. */
export interface HealthSigns {
  /** Every main task runs (and every one-shot prestart task ended well). */
  readonly tasksUp: boolean;
  readonly checksPassing: boolean;
  /** Some task failed for good. */
  readonly failed: boolean;
  /** When a task was last started anew; a change starts the healthy time afresh. */
  readonly lastRestartNs: number;
}

export interface HealthVerdict {
  readonly Healthy: boolean;
  readonly Timestamp: number;
}

export interface AllocHealth {
  /** Looks at the signs; call it whenever one may have changed. */
  update(signs: HealthSigns): void;
  close(): void;
}

const DEFAULTS = { minHealthyNs: 10e9, deadlineNs: 300e9 };

/** Healthy: all signs good without a break for `min_healthy_time`, before `healthy_deadline`. Decided once. */
export function createAllocHealth(
  env: Env,
  strategy: Pick<UpdateStrategy, "MinHealthyTime" | "HealthyDeadline" | "HealthCheck"> | null,
  decided: (verdict: HealthVerdict, reason: string) => void,
): AllocHealth {
  const minHealthyMs = (strategy?.MinHealthyTime ?? DEFAULTS.minHealthyNs) / 1e6;
  const deadlineMs = (strategy?.HealthyDeadline ?? DEFAULTS.deadlineNs) / 1e6;
  const mode = strategy?.HealthCheck ?? "checks";
  let done = false;
  let settling: { readonly timer: Timer; readonly restartNs: number } | undefined;

  const decide = (healthy: boolean, reason: string): void => {
    if (done) return;
    close();
    decided({ Healthy: healthy, Timestamp: nowNs(env.clock) }, reason);
  };
  const deadline = env.clock.after(deadlineMs, () =>
    decide(
      false,
      `Task not running or checks not passing for min_healthy_time of ${minHealthyMs / 1000}s by healthy_deadline of ${deadlineMs / 1000}s`,
    ),
  );
  const close = (): void => {
    done = true;
    deadline.cancel();
    settling?.timer.cancel();
  };
  if (mode === "manual") close();

  return {
    update(signs) {
      if (done) return;
      if (signs.failed) {
        decide(false, "Unhealthy because of failed task");
        return;
      }
      const good = signs.tasksUp && (mode === "task_states" || signs.checksPassing);
      if (settling !== undefined && (!good || settling.restartNs !== signs.lastRestartNs)) {
        settling.timer.cancel();
        settling = undefined;
      }
      if (good && settling === undefined) {
        settling = { timer: env.clock.after(minHealthyMs, () => decide(true, "")), restartNs: signs.lastRestartNs };
      }
    },
    close,
  };
}
