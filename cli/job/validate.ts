import { answerOf } from "../api/answer.ts";
import { withNomad } from "../api/session.ts";
import { readJob, untold } from "./read-job.ts";
import { printed } from "../print/show.ts";

/** Says what is wrong with a job file. Exit code 0 when nothing is. */
export const validate = withNomad(async (session) => {
  const { output, flags, nomad } = session;
  const file = await readJob(session);
  const result = await nomad.jobs.validate(file.job);
  if (!result.ok && result.error.code === "unreachable") {
    output.error("No agent could be asked, so only the file itself was checked, not what its drivers say.");
    output.line("Job file is well formed");
    return 0;
  }
  const { value } = answerOf(result);
  if (!(await printed({ flags, output }, value))) {
    const warnings = untold(value.Warnings, file);
    if (warnings.length > 0) output.line(["Job Warnings:", ...warnings].join("\n"));
    for (const error of value.ValidationErrors) output.error(`  * ${error}`);
    output.line(isFine(value) ? "Job validation successful" : "Job validation errors: nothing of this was registered");
  }
  return isFine(value) ? 0 : 1;
});

function isFine(value: { readonly ValidationErrors: readonly string[]; readonly Error: string }): boolean {
  return value.ValidationErrors.length === 0 && value.Error === "";
}
