import { valueOf } from "../api/answer.ts";
import { withNomad } from "../api/session.ts";
import { findJob } from "./find-job.ts";
import { EXIT_CODES, monitorEval } from "./monitor.ts";
import { printed } from "../print/show.ts";

/** Stops a job; `-purge` forgets it too. */
export const stop = withNomad(async (session) => {
  const { nomad, flags, output, operands } = session;
  const { id, namespace } = await findJob(session, operands[0]);
  const answer = valueOf(await nomad.jobs.stop(id, { purge: flags.on("purge"), namespace }));
  if (await printed({ flags, output }, answer)) return 0;
  if (answer.EvalID === "") {
    output.line(`Job "${id}" stopped`);
    return 0;
  }
  if (flags.on("detach")) {
    output.line(answer.EvalID);
    return 0;
  }
  return EXIT_CODES[await monitorEval(session, answer.EvalID)];
});
