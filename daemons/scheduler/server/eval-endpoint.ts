import { fail, succeed, type Result } from "#base/env/errors.ts";
import type { Evaluation } from "#base/protocol/evaluation.ts";
import { remove } from "#base/state/codec.ts";
import { MAX_TXN_OPS } from "#base/state/store.ts";
import type { Row } from "#base/state/table.ts";
import { evals } from "#base/state/tables.ts";
import type { ClusterState } from "./cluster-state.ts";
import { configurationOf } from "./configuration.ts";
import { readable, type ServerContext } from "./server-context.ts";

/** Named in one request. */
export const MAX_DELETED_EVALS = 7281;

export interface DeletedEvals {
  readonly count: number;
  readonly index: number;
}

/**
 * Deletes evaluations, for operators who clear a flood of them. Only while the broker is paused, which would otherwise
 * hand out what is being deleted.
 */
export async function deleteEvals(
  context: ServerContext,
  rows: readonly Row<Evaluation>[],
): Promise<Result<DeletedEvals>> {
  const { state, writer } = context;
  if (!configurationOf(state.view).PauseEvalBroker) {
    return fail(
      "broker_runs",
      "eval broker is enabled; eval broker must be paused to delete evals",
      "set PauseEvalBroker in the scheduler configuration",
    );
  }
  let revision = state.index;
  for (let at = 0; at < rows.length; at += MAX_TXN_OPS) {
    const ops = rows.slice(at, at + MAX_TXN_OPS).map(({ namespace, id }) => remove(evals, namespace, id));
    revision = await writer.write(ops);
  }
  return succeed({ count: rows.length, index: await readable(context, revision) });
}

/** The evaluations that led to one and that followed from it, oldest first, itself left out. */
export function relatedEvals(state: ClusterState, start: Row<Evaluation>): Row<Evaluation>[] {
  const ofJob = new Map(state.jobEvals(start.namespace, start.value.JobID).map((row) => [row.id, row]));
  const seen = new Set([start.id]);
  const open = [start.value];
  const found: Row<Evaluation>[] = [];
  for (let value = open.pop(); value !== undefined; value = open.pop()) {
    for (const id of [value.PreviousEval, value.NextEval, value.BlockedEval]) {
      const row = ofJob.get(id);
      if (row === undefined || seen.has(id)) continue;
      seen.add(id);
      found.push(row);
      open.push(row.value);
    }
  }
  return found.toSorted((a, b) => a.createIndex - b.createIndex || (a.id < b.id ? -1 : 1));
}
