import * as v from "valibot";
import { segment } from "#base/client/api-caller.ts";
import { valueOf } from "../api/answer.ts";
import { withNomad } from "../api/session.ts";
import { show } from "../print/show.ts";
import { findAlloc, taskOf } from "./find-alloc.ts";

/** `ALLOC [TASK]`: sends `-s` (default SIGKILL) to a task, or to all of them. */
export const signal = withNomad(async (session) => {
  const { nomad, operands, flags } = session;
  const alloc = await findAlloc(session, operands[0]);
  const wanted = flags.value("task") ?? operands[1];
  const Task = wanted === undefined ? "" : taskOf(alloc, wanted);
  const Signal = flags.value("s") ?? "SIGKILL";
  valueOf(
    await nomad.call({
      method: "PUT",
      path: `/v1/client/allocation/${segment(alloc.ID)}/signal`,
      body: { Task, Signal },
      schema: v.unknown(),
    }),
  );
  return show(session, { Signaled: alloc.ID, Task, Signal }, () => []);
});
