import { CodedError } from "#base/env/errors.ts";
import { valueOf } from "../api/answer.ts";
import { withNomad } from "../api/session.ts";
import { change } from "../deployment/change.ts";
import { findJob } from "./find-job.ts";

/** Lets the job's newest deployment go on after its canaries; `-group` may be repeated. */
export const promote = withNomad(async (session) => {
  const { id, namespace } = await findJob(session, session.operands[0]);
  const deployment = valueOf(await session.nomad.jobs.deployment(id, { namespace }));
  if (deployment === null) {
    throw new CodedError(
      "missing",
      `job "${id}" has no deployment to promote`,
      "Only groups with update { canary } have one.",
    );
  }
  const groups = session.flags.values("group");
  return change(session, deployment, {
    verb: "promote",
    body: groups.length === 0 ? { All: true } : { Groups: groups },
    done: "promoted",
  });
});
