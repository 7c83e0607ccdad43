import { CodedError } from "#base/env/errors.ts";
import { valueOf } from "../api/answer.ts";
import { withNomad } from "../api/session.ts";
import { findJob } from "./find-job.ts";
import { EXIT_CODES, monitorEval } from "./monitor.ts";
import { printed } from "../print/show.ts";

/** Runs a stopped job again as it last was. */
export const start = withNomad(async (session) => {
  const { nomad, operands, flags, output } = session;
  const { id, namespace } = await findJob(session, operands[0]);
  const job = valueOf(await nomad.jobs.read(id, { namespace }));
  if (!job.Stop) throw new CodedError("running", `job "${id}" is not stopped`, '"lares job status" shows it.');
  const answer = valueOf(await nomad.jobs.register({ ...job, Stop: false }, { checkIndex: job.JobModifyIndex }));
  if (!(await printed({ flags, output }, answer)))
    if (flags.on("detach") || answer.EvalID === "") output.line(`Evaluation ID: ${answer.EvalID}`);
    else return EXIT_CODES[await monitorEval(session, answer.EvalID)];
  return 0;
});
