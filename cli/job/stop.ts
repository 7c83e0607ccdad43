import { valueOf } from "../api/answer.ts";
import { withNomad, type NomadSession } from "../api/session.ts";
import { UsageError } from "../command/command.ts";
import { printed } from "../print/show.ts";
import { findJob, type FoundJob } from "./find-job.ts";
import { EXIT_CODES, monitorEval } from "./monitor.ts";

/** Stops jobs; `-purge` forgets them too. All are found before the first is stopped. The exit code is the worst. */
export const stop = withNomad(async (session) => {
  const { nomad, flags, operands } = session;
  if (operands.length === 0) throw new UsageError("name a job");
  const priority = priorityOf(flags.value("eval-priority"));
  const found: FoundJob[] = [];
  for (const operand of operands) found.push(await findJob(session, operand));
  const answers = [];
  for (const { id, namespace } of found) {
    const answer = await nomad.jobs.stop(id, {
      purge: flags.on("purge"),
      namespace,
      global: flags.on("global"),
      noShutdownDelay: flags.on("no-shutdown-delay"),
      evalPriority: priority,
    });
    answers.push({ id, answer: valueOf(answer) });
  }
  const plain = answers.map(({ answer }) => answer);
  if (await printed(session, plain.length === 1 ? plain[0] : plain)) return 0;
  let worst = 0;
  for (const { id, answer } of answers) worst = Math.max(worst, await conclude(session, id, answer.EvalID));
  return worst;
});

async function conclude(session: NomadSession, id: string, evalId: string): Promise<number> {
  const { flags, output } = session;
  if (evalId !== "" && !flags.on("detach")) return EXIT_CODES[await monitorEval(session, evalId)];
  output.line(evalId === "" ? `Job "${id}" stopped` : evalId);
  return 0;
}

function priorityOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const priority = /^\d{1,3}$/.test(text) ? Number(text) : 0;
  if (priority < 1 || priority > 100)
    throw new UsageError(`-eval-priority takes a number from 1 to 100, not "${text}"`);
  return priority;
}
