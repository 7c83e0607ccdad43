import * as v from "valibot";
import { EvalAnswerSchema, type EvalAnswer } from "#base/client/nomad-answers.ts";
import { answerOf } from "../api/answer.ts";
import type { NomadSession } from "../api/session.ts";

/** The evaluations the flags choose: `-filter`, `-job`, `-status`, `-per-page`, `-page-token`. */
export async function evalPage({
  nomad,
  flags,
  namespace,
}: NomadSession): Promise<{ readonly evals: readonly EvalAnswer[]; readonly nextToken: string }> {
  const answer = answerOf(
    await nomad.call({
      path: "/v1/evaluations",
      query: {
        namespace,
        filter: flags.value("filter"),
        job: flags.value("job"),
        status: flags.value("status"),
        per_page: flags.value("per-page"),
        next_token: flags.value("page-token"),
      },
      schema: v.array(EvalAnswerSchema),
    }),
  );
  return { evals: answer.value, nextToken: answer.nextToken };
}
