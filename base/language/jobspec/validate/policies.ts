import type { MigrateStrategy, ReschedulePolicy, RestartPolicy, UpdateStrategy } from "#base/protocol/policies.ts";
import { formatDuration } from "../../duration.ts";
import { oneOf, type Report } from "./report.ts";

const SECOND = 1e9;
const MIN_RESTART_INTERVAL = 5 * SECOND;
const MIN_RESCHEDULE_INTERVAL = 15 * SECOND;
const MIN_RESCHEDULE_DELAY = 5 * SECOND;
const HEALTH_CHECKS = ["checks", "task_states", "manual"];

export function checkRestart(policy: RestartPolicy | null, report: Report): void {
  if (policy === null) return;
  const { Attempts: attempts, Interval: interval, Delay: delay } = policy;
  oneOf(policy.Mode ?? "fail", ["fail", "delay"], { what: "the mode", report });
  if ((attempts ?? 0) < 0) report.error(`attempts is ${attempts}, expected 0 or more`);
  if ((delay ?? 0) < 0) report.error("the delay is negative");
  if ((interval ?? 0) < MIN_RESTART_INTERVAL) {
    report.error(
      `the interval ${formatDuration(interval ?? 0)} is shorter than ${formatDuration(MIN_RESTART_INTERVAL)}`,
    );
  }
  if ((attempts ?? 0) * (delay ?? 0) > (interval ?? 0)) {
    report.error(
      `${attempts} attempts with a delay of ${formatDuration(delay ?? 0)} do not fit into the interval ${formatDuration(interval ?? 0)}`,
      "make the interval longer, or attempts or delay smaller",
    );
  }
}

export function checkReschedule(policy: ReschedulePolicy | null, report: Report): void {
  if (policy === null) return;
  const { Attempts: attempts, Interval: interval, Delay: delay, MaxDelay: maxDelay, Unlimited: unlimited } = policy;
  const growing = policy.DelayFunction === "exponential" || policy.DelayFunction === "fibonacci";
  if ((attempts ?? 0) <= 0 && unlimited !== true) return;
  oneOf(policy.DelayFunction ?? "constant", ["constant", "exponential", "fibonacci"], {
    what: "the delay_function",
    report,
  });
  if ((delay ?? 0) < MIN_RESCHEDULE_DELAY) {
    report.error(`the delay ${formatDuration(delay ?? 0)} is shorter than ${formatDuration(MIN_RESCHEDULE_DELAY)}`);
  }
  if (growing && (maxDelay ?? 0) < (delay ?? 0)) {
    report.error(`max_delay ${formatDuration(maxDelay ?? 0)} is shorter than the delay ${formatDuration(delay ?? 0)}`);
  }
  if (unlimited === true) {
    if ((attempts ?? 0) > 0)
      report.error(`${attempts} attempts and unlimited = true contradict each other`, "remove one of them");
  } else if ((interval ?? 0) < MIN_RESCHEDULE_INTERVAL) {
    report.error(
      `the interval ${formatDuration(interval ?? 0)} is shorter than ${formatDuration(MIN_RESCHEDULE_INTERVAL)}`,
    );
  }
}

export function checkUpdate(policy: UpdateStrategy | null, count: number, report: Report): void {
  if (policy === null) return;
  const healthy = policy.HealthyDeadline ?? 0;
  const progress = policy.ProgressDeadline ?? 0;
  const minimum = policy.MinHealthyTime ?? 0;
  oneOf(policy.HealthCheck ?? "checks", HEALTH_CHECKS, { what: "health_check", report });
  if ((policy.MaxParallel ?? 0) < 0) report.error(`max_parallel is ${policy.MaxParallel}, expected 0 or more`);
  if ((policy.Canary ?? 0) < 0) report.error(`canary is ${policy.Canary}, expected 0 or more`);
  if (minimum < 0) report.error("min_healthy_time is negative");
  if (minimum >= healthy)
    report.error(notBelow("min_healthy_time", minimum, { than: "healthy_deadline", limit: healthy }));
  if (progress !== 0 && healthy >= progress) {
    report.error(notBelow("healthy_deadline", healthy, { than: "progress_deadline", limit: progress }));
  }
  if ((policy.Stagger ?? 0) <= 0) report.error("stagger must be longer than 0");
  if (policy.AutoPromote === true && (policy.Canary ?? 0) === 0) {
    report.error("auto_promote needs at least one canary", "set canary, or remove auto_promote");
  }
  if ((policy.Canary ?? 0) > count && count > 0) {
    report.warn(`canary ${policy.Canary} is more than the count ${count}: only ${count} can be replaced`);
  }
  if ((policy.MaxParallel ?? 0) > count && count > 0) {
    report.warn(`max_parallel ${policy.MaxParallel} is more than the count ${count}: all are replaced at once`);
  }
}

export function checkMigrate(policy: MigrateStrategy | null, report: Report): void {
  if (policy === null) return;
  oneOf(policy.HealthCheck ?? "checks", HEALTH_CHECKS, { what: "health_check", report });
  if ((policy.MaxParallel ?? 0) < 1) report.error(`max_parallel is ${policy.MaxParallel}, expected 1 or more`);
  const minimum = policy.MinHealthyTime ?? 0;
  const healthy = policy.HealthyDeadline ?? 0;
  if (minimum >= healthy)
    report.error(notBelow("min_healthy_time", minimum, { than: "healthy_deadline", limit: healthy }));
}

function notBelow(
  name: string,
  value: number,
  { than, limit }: { readonly than: string; readonly limit: number },
): string {
  return `${name} ${formatDuration(value)} must be shorter than ${than} ${formatDuration(limit)}`;
}
