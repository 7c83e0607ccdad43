import { locate, type Diagnostic } from "#base/language/hcl/diagnostic.ts";
import type { ResolvedVariables } from "#base/language/hcl/evaluate/variables.ts";
import type { Job } from "#base/protocol/job.ts";
import { canonicalize } from "./canonicalize.ts";
import { placeOf } from "./place.ts";
import { parseJob, type JobSource } from "./parse-job.ts";
import { validateJob, type JobLimits } from "./validate/validate-job.ts";

export type JobFromFile =
  | {
      readonly ok: true;
      readonly job: Job;
      readonly warnings: readonly Diagnostic[];
      readonly variables: ResolvedVariables | undefined;
    }
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] };

/** A job file → the job with all defaults, judged: what is wrong with it is shown at the block it is wrong in. */
export function readJobFile(given: JobSource, limits: JobLimits = {}): JobFromFile {
  const parsed = parseJob(given);
  if (!parsed.ok) return parsed;
  const source = { name: given.fileName, text: given.source };
  const job = canonicalize(parsed.job);
  const { errors, warnings } = validateJob(job, limits);
  const shown = (findings: typeof errors, severity: Diagnostic["severity"]): readonly Diagnostic[] =>
    findings.map((each) => locate({ ...each, span: placeOf(each.path, parsed.body) }, { source, severity }));
  if (errors.length > 0) return { ok: false, diagnostics: [...shown(errors, "error"), ...shown(warnings, "warning")] };
  return { ok: true, job, warnings: shown(warnings, "warning"), variables: parsed.variables };
}
