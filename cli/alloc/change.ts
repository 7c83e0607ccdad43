import { valueOf } from "../api/answer.ts";
import { withNomad } from "../api/session.ts";
import { EXIT_CODES, monitorEval } from "../job/monitor.ts";
import { UsageError } from "../command/command.ts";
import { findAlloc, taskOf } from "./find-alloc.ts";
import { printed } from "../print/show.ts";

/** Stops an allocation; the scheduler places another. */
export const stop = withNomad(async (session) => {
  const { flags, output, nomad, operands } = session;
  const alloc = await findAlloc(session, operands[0]);
  const answer = valueOf(await nomad.allocs.stop(alloc.ID, { noShutdownDelay: flags.on("no-shutdown-delay") }));
  if (!(await printed({ flags, output }, answer)))
    if (flags.on("detach") || answer.EvalID === "") output.line(answer.EvalID);
    else return EXIT_CODES[await monitorEval(session, answer.EvalID)];
  return 0;
});

/** `ALLOC [TASK]`: restarts the tasks that run, or one of them, where they are; with `-all-tasks` those that ended, too. */
export const restart = withNomad(async (session) => {
  const { operands, nomad, output, flags } = session;
  const wanted = flags.value("task") ?? operands[1];
  if (wanted !== undefined && flags.on("all-tasks")) throw new UsageError("name a task or give -all-tasks, not both");
  const alloc = await findAlloc(session, operands[0]);
  const wish = wanted === undefined ? { all: flags.on("all-tasks") } : { task: taskOf(alloc, wanted) };
  valueOf(await nomad.allocs.restart(alloc.ID, wish));
  if (!(await printed({ flags, output }, { Restarted: [alloc.ID] })))
    output.line(`Allocation "${alloc.ID.slice(0, 8)}" restarted`);
  return 0;
});
