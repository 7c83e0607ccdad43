import { CodedError } from "#base/env/errors.ts";
import type { Compare, Store } from "#base/state/store.ts";
import type { Row } from "#base/state/table.ts";
import { decideCatalog } from "./catalog-operations.ts";
import { decideKv } from "./kv-operations.ts";
import type { TxnOperation, TxnResultRow } from "./operation.ts";
import { emptyPlan, type PlanDeps, type TxnPlan } from "./plan.ts";

/** Operations of one transaction. */
export const MAX_TXN_OPERATIONS = 128;
const MAX_ATTEMPTS = 100;

export interface TxnError {
  readonly index: number;
  readonly what: string;
}

export type TxnOutcome =
  | { readonly ok: true; readonly index: number; readonly results: readonly TxnResultRow[] }
  | { readonly ok: false; readonly errors: readonly TxnError[] };

interface TxnDeps extends PlanDeps {
  readonly store: Store;
}

/**
 * All operations or none. They are decided against one state of the view, in order, each seeing what the ones before it
 * wrote; the store then commits only if every row that was looked at is unchanged, and else it is decided again.
 */
export async function runTransaction(deps: TxnDeps, operations: readonly TxnOperation[]): Promise<TxnOutcome> {
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const plan = emptyPlan(deps);
    const errors = operations.flatMap((operation, index): TxnError[] => {
      const what = decide(plan, operation);
      return what === undefined ? [] : [{ index, what }];
    });
    if (errors.length > 0) {
      if (await isSo(deps, plan.compare)) return { ok: false, errors };
      continue;
    }
    const then = [...plan.ops.values()];
    if (then.length === 0) return { ok: true, index: deps.view.index, results: resultsOf(plan, deps.view.index) };
    const done = await deps.store.txn({ compare: plan.compare, then });
    await deps.view.reached(done.revision);
    if (done.ok) return { ok: true, index: done.revision, results: resultsOf(plan, done.revision) };
  }
  throw new CodedError("contended", `the transaction met others ${MAX_ATTEMPTS} times`);
}

/**
 * Whether the store agrees with what was looked at in the view: another server may have written since, and a refusal has to be
 * true of now. Where it does not agree, the view has caught up afterwards.
 */
async function isSo({ store, view }: TxnDeps, compare: readonly Compare[]): Promise<boolean> {
  const [first] = compare;
  if (first === undefined) return true;
  const { ok, revision } = await store.txn({ compare, then: [{ op: "get", key: first.key }] });
  if (!ok) await view.reached(revision);
  return ok;
}

/** What keeps the operation from being done; undefined: nothing. */
function decide(plan: TxnPlan, operation: TxnOperation): string | undefined {
  return operation.kind === "node" || operation.kind === "service" || operation.kind === "check"
    ? decideCatalog(plan, operation)
    : decideKv(plan, operation);
}

function resultsOf(plan: TxnPlan, revision: number): readonly TxnResultRow[] {
  const settled = <T>(row: Row<T>): Row<T> => ({
    ...row,
    createIndex: row.createIndex || revision,
    modifyIndex: row.modifyIndex || revision,
  });
  return plan.results.map((result) => {
    switch (result.kind) {
      case "kv":
        return { ...result, row: settled(result.row) };
      case "node":
        return { ...result, row: settled(result.row) };
      case "service":
        return { ...result, row: settled(result.row) };
      case "check":
        return { ...result, row: settled(result.row) };
      default:
        return result satisfies never;
    }
  });
}
