import type { ApiResult } from "#base/client/api-caller.ts";
import type { RegisterAnswer } from "#base/client/nomad-answers.ts";
import { valueOf } from "../api/answer.ts";
import { withNomad, type NomadSession } from "../api/session.ts";
import { UsageError } from "../command/command.ts";
import { findJob } from "./find-job.ts";
import { findVersion } from "./find-version.ts";
import { EXIT_CODES, monitorEval } from "./monitor.ts";
import { printed } from "../print/show.ts";

/** `JOB [GROUP] COUNT`: the group may be left out where there is one. */
export const scale = withNomad(async (session) => {
  const { operands, nomad } = session;
  const count = operands.at(-1) ?? "";
  if (operands.length < 2 || operands.length > 3 || !/^\d{1,9}$/.test(count)) {
    throw new UsageError("give a job, its group (if it has several) and a count");
  }
  const { id, namespace } = await findJob(session, operands[0]);
  const group = operands.length === 3 ? operands[1] : await onlyGroup(session, id, namespace);
  return conclude(session, await nomad.jobs.scale(id, group ?? "", { count: Number(count), namespace }));
});

/** Asks the scheduler to look at a job again. */
export const evaluate = withNomad(async (session) => {
  const { id, namespace } = await findJob(session, session.operands[0]);
  const forceReschedule = session.flags.on("force-reschedule");
  return conclude(session, await session.nomad.jobs.evaluate(id, { forceReschedule, namespace }));
});

/** `JOB VERSION|TAG`: runs an older version again, as a new one. */
export const revert = withNomad(async (session) => {
  const [job, version = "", ...more] = session.operands;
  if (version === "" || more.length > 0)
    throw new UsageError("give a job and one of its versions or their tags (lares job history)");
  const found = await findJob(session, job);
  const { Version } = await findVersion(session, found, version);
  return conclude(session, await session.nomad.jobs.revert(found.id, Version, { namespace: found.namespace }));
});

async function onlyGroup(session: NomadSession, id: string, namespace: string): Promise<string> {
  const { TaskGroups: groups } = valueOf(await session.nomad.jobs.read(id, { namespace }));
  const [first] = groups;
  if (first !== undefined && groups.length === 1) return first.Name;
  throw new UsageError(`job "${id}" has several groups; name one: ${groups.map(({ Name }) => Name).join(", ")}`);
}

async function conclude(session: NomadSession, result: ApiResult<RegisterAnswer>): Promise<number> {
  const answer = valueOf(result);
  if (await printed(session, answer)) return 0;
  if (session.flags.on("detach") || answer.EvalID === "") {
    session.output.line(`Evaluation ID: ${answer.EvalID}`);
    return 0;
  }
  return EXIT_CODES[await monitorEval(session, answer.EvalID)];
}
