import { messageOf } from "#base/env/errors.ts";
import type { Log } from "#base/env/log.ts";
import type { Alloc } from "#base/protocol/alloc.ts";
import type { Evaluation } from "#base/protocol/evaluation.ts";
import { keyOf } from "#base/protocol/keys.ts";
import { put } from "#base/state/codec.ts";
import { MAX_TXN_OPS, type Compare, type Op, type Store } from "#base/state/store.ts";
import { allocs, deployments, evals } from "#base/state/tables.ts";
import { occupies } from "./occupancy.ts";
import type { NodeTable } from "./place/node-table.ts";
import { isEmptyPlan, type NewAlloc, type Plan } from "./plan.ts";

/** Room in one transaction for the evaluation and what belongs to it. */
const CHUNK_OPS = MAX_TXN_OPS - 100;

export type Applied =
  | { readonly kind: "committed"; readonly revision: number }
  /** Some placements no longer fitted; the rest is committed, the evaluation is still open. */
  | { readonly kind: "partial"; readonly revision: number; readonly refused: number }
  /** The evaluation, or a deployment the plan changes, was written by another meanwhile: nothing was written. */
  | { readonly kind: "stale" };

export interface PlanApplierDeps {
  readonly store: Store;
  readonly table: NodeTable;
  readonly log: Log;
  /** Compares every write has to pass: the leader's lock. */
  readonly fence: () => readonly Compare[];
  /** Puts the table back to what the view says of these allocations: their plan was not written. */
  readonly restore: (allocs: readonly Alloc[]) => void;
}

/**
 * The one writer of allocations. Each touched node is checked again as it is now, counting plans that are still on
 * their way to the disk; what does not fit any more is refused, the rest is written in one transaction.
 */
export class PlanApplier {
  readonly #deps: PlanApplierDeps;

  constructor(deps: PlanApplierDeps) {
    this.#deps = deps;
  }

  /** Rejects with the store's error; the table is restored then. */
  async apply(plan: Plan): Promise<Applied> {
    if (isEmptyPlan(plan)) return { kind: "committed", revision: 0 };
    const { table, log, restore } = this.#deps;
    const { accepted, refused } = this.#admit(plan.creates);
    const touched = touchedBy(plan, accepted, refused);
    for (const alloc of touched) {
      if (!occupies({ alloc, report: undefined })) table.drop(alloc.ID);
    }
    try {
      const revision = await this.#write(plan, { accepted, touched, complete: refused.length === 0 });
      if (revision !== undefined) {
        return refused.length === 0
          ? { kind: "committed", revision }
          : { kind: "partial", revision, refused: refused.length };
      }
    } catch (thrown) {
      log.error("a plan could not be written", { eval: plan.evaluation.ID, reason: messageOf(thrown) });
      restore([...touched, ...accepted.map(({ alloc }) => alloc)]);
      throw thrown;
    }
    restore([...touched, ...accepted.map(({ alloc }) => alloc)]);
    return { kind: "stale" };
  }

  /** Holds the room of every placement that still fits beside all others. */
  #admit(creates: readonly NewAlloc[]): { accepted: NewAlloc[]; refused: NewAlloc[] } {
    const { table } = this.#deps;
    const accepted: NewAlloc[] = [];
    const refused: NewAlloc[] = [];
    for (const create of creates) {
      const before = create.previous === undefined ? undefined : table.drop(create.previous.ID);
      if (table.fits(create.alloc.NodeID, create.usage)) {
        table.hold(create.alloc.ID, create.alloc.NodeID, create.usage);
        accepted.push(create);
        continue;
      }
      if (before !== undefined && create.previous !== undefined) {
        table.hold(create.previous.ID, before.nodeId, before.usage);
      }
      refused.push(create);
    }
    return { accepted, refused };
  }

  /** The last revision written; undefined when a compare did not hold. */
  async #write(
    plan: Plan,
    what: { accepted: readonly NewAlloc[]; touched: readonly Alloc[]; complete: boolean },
  ): Promise<number | undefined> {
    const { evaluation } = plan;
    const key = keyOf(evals.name, evaluation.Namespace, evaluation.ID);
    const compare: Compare[] = [...this.#deps.fence(), { key, target: "mod", op: "=", operand: plan.evalModifyIndex }];
    const ops: Op[] = [...what.accepted.map(({ alloc }) => alloc), ...what.touched].map((alloc) =>
      put(allocs, { namespace: alloc.Namespace, id: alloc.ID }, alloc),
    );
    for (const { deployment, modifyIndex } of plan.deployments) {
      const at = { namespace: deployment.Namespace, id: deployment.ID };
      ops.push(put(deployments, at, deployment));
      const deploymentKey = keyOf(deployments.name, at.namespace, at.id);
      compare.push({ key: deploymentKey, target: "mod", op: "=", operand: modifyIndex });
    }
    const bases = new Map<string, Compare>();
    for (const { Namespace, ID } of what.touched) {
      const allocKey = keyOf(allocs.name, Namespace, ID);
      const operand = plan.bases.get(ID);
      if (operand !== undefined) bases.set(allocKey, { key: allocKey, target: "mod", op: "=", operand });
    }
    // A plan that was cut short is made again from what is written now, follow-ups included.
    const results: Evaluation[] = what.complete ? [...plan.evaluations] : [];
    if (what.complete && plan.result !== undefined) results.push(plan.result);
    const last = results.map((each) => put(evals, { namespace: each.Namespace, id: each.ID }, each));
    let revision: number | undefined = 0;
    for (let at = 0; at < ops.length + last.length && revision !== undefined; at += CHUNK_OPS) {
      const chunk = ops.slice(at, at + CHUNK_OPS);
      const then = at + CHUNK_OPS >= ops.length ? [...chunk, ...last] : chunk;
      const unchanged = chunk.flatMap((op) => bases.get("key" in op ? op.key : "") ?? []);
      const result = await this.#deps.store.txn({ compare: [...compare, ...unchanged], then });
      revision = result.ok ? result.revision : undefined;
      if (at + CHUNK_OPS >= ops.length) break;
    }
    return revision;
  }
}

function touchedBy(plan: Plan, accepted: readonly NewAlloc[], refused: readonly NewAlloc[]): Alloc[] {
  return [
    ...plan.changes,
    ...accepted.flatMap(({ previous }) => previous ?? []),
    ...refused.flatMap(({ previousAlone }) => previousAlone ?? []),
  ];
}
