import { RegisterAnswerSchema } from "#base/client/nomad-answers.ts";
import { valueOf } from "../api/answer.ts";
import { withNomad } from "../api/session.ts";
import { findJob } from "./find-job.ts";
import { EXIT_CODES, monitorEval } from "./monitor.ts";
import { printed } from "../print/show.ts";

/** Launches a periodic job now, whatever its schedule says. */
export const periodicForce = withNomad(async (session) => {
  const { nomad, output, flags, operands } = session;
  const { id, namespace } = await findJob(session, operands[0]);
  const path = `/v1/job/${encodeURIComponent(id)}/periodic/force`;
  const answer = valueOf(
    await nomad.call({ method: "PUT", path, query: { namespace }, body: {}, schema: RegisterAnswerSchema }),
  );
  if (await printed({ flags, output }, answer)) return 0;
  if (flags.on("detach")) {
    output.line(`Force periodic successful\nEvaluation ID: ${answer.EvalID}`);
    return 0;
  }
  return EXIT_CODES[await monitorEval(session, answer.EvalID)];
});
