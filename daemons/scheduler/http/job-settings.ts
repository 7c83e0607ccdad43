import type { JobDefaults } from "#base/language/jobspec/canonicalize.ts";
import type { JobLimits } from "#base/language/jobspec/validate/validate-job.ts";

/** What this cluster says of jobs. https://developer.hashicorp.com/nomad/docs/configuration/server */
export interface JobSettings extends JobLimits, JobDefaults {
  /** Longest source, with its variables, that is kept. */
  readonly maxSourceBytes?: number;
}
