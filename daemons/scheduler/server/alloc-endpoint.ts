import { fail, succeed, type Result } from "#base/env/errors.ts";
import type { Alloc } from "#base/protocol/alloc.ts";
import { put } from "#base/state/codec.ts";
import type { Op } from "#base/state/store.ts";
import { allocs } from "#base/state/tables.ts";
import { clientStatus } from "./alloc-state.ts";
import { evalFor, nowNsOf, putEval, readable, type ServerContext } from "./server-context.ts";

/** Stops an allocation; a replacement is placed elsewhere. */
export async function stopAlloc(
  context: ServerContext,
  id: string,
  options: { readonly noShutdownDelay: boolean },
): Promise<Result<{ readonly evalId: string; readonly index: number }>> {
  const { state, writer } = context;
  const row = state.allocById(id);
  if (row === undefined) return fail("not_found", "alloc not found");
  const { value: alloc, namespace } = row;
  const job = state.job(namespace, alloc.JobID)?.value ?? { ID: alloc.JobID, Type: "service", Priority: null };
  const evaluation = evalFor(context, { namespace, job, trigger: "alloc-stop" });
  const transition = { Migrate: true, NoShutdownDelay: options.noShutdownDelay };
  const index = await writer.write([changed(context, alloc, transition), putEval(evaluation)]);
  return succeed({ evalId: evaluation.ID, index: await readable(context, index) });
}

/** Writes that let failed allocations of a job be replaced, whatever their policy says. */
export function forceReschedule(context: ServerContext, namespace: string, jobId: string): Op[] {
  return context.state
    .jobAllocs(namespace, jobId)
    .filter(
      (known) =>
        clientStatus(known) === "failed" && known.alloc.DesiredStatus === "run" && known.alloc.NextAllocation === "",
    )
    .map(({ alloc }) => changed(context, alloc, { ForceReschedule: true }));
}

function changed(context: ServerContext, alloc: Alloc, transition: Partial<Alloc["DesiredTransition"]>): Op {
  const DesiredTransition = { ...alloc.DesiredTransition, ...transition };
  const at = { namespace: alloc.Namespace, id: alloc.ID };
  return put(allocs, at, { ...alloc, DesiredTransition, ModifyTime: nowNsOf(context) });
}
