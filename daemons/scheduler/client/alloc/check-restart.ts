import type { Timer } from "#base/env/clock.ts";
import type { Env } from "#base/env/env.ts";
import type { CheckStatus } from "#base/protocol/catalog.ts";
import type { Service } from "#base/protocol/service.ts";

export interface CheckRestartWatch {
  status(status: CheckStatus): void;
  /** The task was started (anew): the grace time begins. */
  started(): void;
  close(): void;
}

const DEFAULT_GRACE_NS = 1e9;

/**
 * Restarts a task whose service stays unhealthy (https://developer.hashicorp.com/nomad/docs/job-specification/check_restart):
 * `limit` failed runs in a row after `grace`, told by the time they take. Undefined when the service asks for none.
 */
export function watchCheckRestart(
  env: Env,
  service: Service,
  restart: (reason: string) => void,
): CheckRestartWatch | undefined {
  const check = service.Checks.find((each) => (each.CheckRestart ?? service.CheckRestart) !== null);
  const rule = check?.CheckRestart ?? service.CheckRestart;
  if (check === undefined || rule === null || rule.Limit <= 0) return undefined;
  const toleratedMs = ((rule.Limit - 1) * (check.Interval === 0 ? 10e9 : check.Interval)) / 1e6;
  let startedMs = env.clock.monotonicMs();
  let sick = false;
  let timer: Timer | undefined;

  const schedule = (): void => {
    timer?.cancel();
    const graceLeftMs = Math.max(0, startedMs + (rule.Grace ?? DEFAULT_GRACE_NS) / 1e6 - env.clock.monotonicMs());
    timer = env.clock.after(graceLeftMs + toleratedMs, () => {
      if (sick) restart(`check ${JSON.stringify(check.Name === "" ? service.Name : check.Name)} unhealthy`);
    });
  };
  return {
    status(status) {
      const now = status === "critical" || (status === "warning" && !rule.IgnoreWarnings);
      if (now === sick) return;
      sick = now;
      if (sick) schedule();
      else timer?.cancel();
    },
    started() {
      startedMs = env.clock.monotonicMs();
      if (sick) schedule();
    },
    close: () => timer?.cancel(),
  };
}
