import { valueOf } from "../api/answer.ts";
import { withNomad } from "../api/session.ts";
import { EXIT_CODES, monitorEval } from "../job/monitor.ts";
import { findAlloc } from "./find-alloc.ts";
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

/** Restarts an allocation's tasks, or one of them, where they are. */
export const restart = withNomad(async (session) => {
  const { operands, nomad, output, flags } = session;
  const alloc = await findAlloc(session, operands[0]);
  valueOf(await nomad.allocs.restart(alloc.ID, flags.value("task") ?? operands[1] ?? ""));
  if (!(await printed({ flags, output }, { Restarted: [alloc.ID] })))
    output.line(`Allocation "${alloc.ID.slice(0, 8)}" restarted`);
  return 0;
});
