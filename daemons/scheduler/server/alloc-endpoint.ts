import { fail, succeed, type Result } from "#base/env/errors.ts";
import { transition, type AllocChange } from "./alloc-change.ts";
import { clientStatus, isTerminal } from "./alloc-state.ts";
import { evalFor, nowNsOf, putEval, readable, type ServerContext } from "./server-context.ts";

/** A write that lost a race against a plan is made again this often. */
const ATTEMPTS = 5;

/** Stops an allocation; a replacement is placed elsewhere. */
export async function stopAlloc(
  context: ServerContext,
  id: string,
  options: { readonly noShutdownDelay: boolean },
): Promise<Result<{ readonly evalId: string; readonly index: number }>> {
  const { state, store } = context;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const row = state.allocById(id);
    if (row === undefined) return fail("not_found", "alloc not found");
    const { namespace, value } = row;
    const job = state.job(namespace, value.JobID)?.value ?? { ID: value.JobID, Type: "service", Priority: null };
    const evaluation = evalFor(context, { namespace, job, trigger: "alloc-stop" });
    const wanted = { Migrate: true, NoShutdownDelay: options.noShutdownDelay };
    const changes = isTerminal(state.known(row)) ? [] : [transition(state.known(row), wanted, nowNsOf(context))];
    const then = [...changes.map(({ op }) => op), putEval(evaluation)];
    const result = await store.txn({ compare: changes.map(({ compare }) => compare), then });
    await readable(context, result.revision);
    if (result.ok) return succeed({ evalId: evaluation.ID, index: result.revision });
  }
  return fail("conflict", "the allocation was changed at the same time");
}

/** Lets failed allocations of a job be replaced, whatever their policy says. */
export function forceReschedule(context: ServerContext, namespace: string, jobId: string): AllocChange[] {
  return context.state
    .jobAllocs(namespace, jobId)
    .filter(
      (known) =>
        clientStatus(known) === "failed" && known.alloc.DesiredStatus === "run" && known.alloc.NextAllocation === "",
    )
    .map((known) => transition(known, { ForceReschedule: true }, nowNsOf(context)));
}

/** Written in transactions of this size: a job may have very many allocations. */
const CHUNK = 500;

/** Lets the tasks of a job end without their `shutdown_delay` when they are stopped. */
export async function skipShutdownDelay(context: ServerContext, namespace: string, jobId: string): Promise<void> {
  const { state, store } = context;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const changes = state
      .jobAllocs(namespace, jobId)
      .filter((known) => !isTerminal(known) && !known.alloc.DesiredTransition.NoShutdownDelay)
      .map((known) => transition(known, { NoShutdownDelay: true }, nowNsOf(context)));
    for (let at = 0; at < changes.length; at += CHUNK) {
      const chunk = changes.slice(at, at + CHUNK);
      const compare = chunk.map((change) => change.compare);
      const { revision } = await store.txn({ compare, then: chunk.map(({ op }) => op) });
      await readable(context, revision);
    }
    if (changes.length === 0) return;
  }
}
