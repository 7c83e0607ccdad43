import type { JobType } from "#base/protocol/job.ts";
import type { MigrateStrategy, ReschedulePolicy, RestartPolicy, UpdateStrategy } from "#base/protocol/policies.ts";

const SECOND = 1e9;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

export const DEFAULT_PRIORITY = 50;
export const DEFAULT_CPU_MHZ = 100;
export const DEFAULT_MEMORY_MB = 300;
export const DEFAULT_DISK_MB = 300;
export const DEFAULT_KILL_TIMEOUT_NS = 5 * SECOND;
export const DEFAULT_LOG_FILES = 10;
export const DEFAULT_LOG_FILE_MB = 10;

/** What each policy is when nothing is said, by kind of job: the job specification's pages `restart`, `reschedule`, `update`, `migrate`. */
export const DEFAULT_RESTART: Readonly<Record<JobType, RestartPolicy>> = {
  service: { Attempts: 2, Interval: 30 * MINUTE, Delay: 15 * SECOND, Mode: "fail", RenderTemplates: false },
  system: { Attempts: 2, Interval: 30 * MINUTE, Delay: 15 * SECOND, Mode: "fail", RenderTemplates: false },
  batch: { Attempts: 3, Interval: 24 * HOUR, Delay: 15 * SECOND, Mode: "fail", RenderTemplates: false },
  sysbatch: { Attempts: 3, Interval: 24 * HOUR, Delay: 15 * SECOND, Mode: "fail", RenderTemplates: false },
};

/** System jobs run on every node anyway: they are never moved. */
export const DEFAULT_RESCHEDULE: Readonly<Record<JobType, ReschedulePolicy | null>> = {
  service: {
    Attempts: 0,
    Interval: 0,
    Delay: 30 * SECOND,
    DelayFunction: "exponential",
    MaxDelay: HOUR,
    Unlimited: true,
  },
  batch: {
    Attempts: 1,
    Interval: 24 * HOUR,
    Delay: 5 * SECOND,
    DelayFunction: "constant",
    MaxDelay: 0,
    Unlimited: false,
  },
  system: null,
  sysbatch: null,
};

export const DEFAULT_UPDATE: UpdateStrategy = {
  Stagger: 30 * SECOND,
  MaxParallel: 1,
  HealthCheck: "checks",
  MinHealthyTime: 10 * SECOND,
  HealthyDeadline: 5 * MINUTE,
  ProgressDeadline: 10 * MINUTE,
  AutoRevert: false,
  AutoPromote: false,
  Canary: 0,
};

export const DEFAULT_MIGRATE: MigrateStrategy = {
  MaxParallel: 1,
  HealthCheck: "checks",
  MinHealthyTime: 10 * SECOND,
  HealthyDeadline: 5 * MINUTE,
};
