import type { Clock } from "#base/env/clock.ts";
import { messageOf } from "#base/env/errors.ts";
import type { Log } from "#base/env/log.ts";
import type { Alloc } from "#base/protocol/alloc.ts";
import type { Store } from "#base/state/store.ts";
import { occupies } from "./occupancy.ts";
import { writePlan } from "./plan-write.ts";
import type { NodeTable } from "./place/node-table.ts";
import { isEmptyPlan, type NewAlloc, type Plan } from "./plan.ts";
import { nextTurn } from "./schedule/steps.ts";

export type Applied =
  | { readonly kind: "committed"; readonly revision: number }
  /** Some placements no longer fitted, or others wrote some of its records first; the evaluation is still open. */
  | { readonly kind: "partial"; readonly revision: number; readonly refused: number }
  /** The evaluation, or a deployment the plan changes, was written by another meanwhile: nothing was written. */
  | { readonly kind: "stale" };

export interface PlanApplierDeps {
  /** The leader's: fenced. */
  readonly store: Store;
  readonly table: NodeTable;
  readonly clock: Clock;
  readonly log: Log;
  /** Puts the table back to what the view says of these allocations: their plan was not written. */
  readonly restore: (allocs: readonly Alloc[]) => void;
}

/** Allocations that are looked at in one turn. */
const SLICE = 1000;

interface Admitted {
  readonly accepted: NewAlloc[];
  readonly refused: NewAlloc[];
}

/**
 * The one writer of allocations. Each touched node is checked again as it is now, counting plans that are still on
 * their way to the disk; what does not fit any more is refused, the rest is written and seen at once.
 */
export class PlanApplier {
  readonly #deps: PlanApplierDeps;

  constructor(deps: PlanApplierDeps) {
    this.#deps = deps;
  }

  /** Rejects with the store's error; the table is restored then. */
  async apply(plan: Plan): Promise<Applied> {
    if (isEmptyPlan(plan)) return { kind: "committed", revision: 0 };
    const { table, log } = this.#deps;
    const { accepted, refused } = await this.#admit(plan.creates);
    const touched = touchedBy(plan, accepted, refused);
    if (plan.allAtOnce && refused.length > 0) {
      await this.#restore(touched, accepted);
      return { kind: "partial", revision: 0, refused: plan.creates.length };
    }
    for (const [at, alloc] of touched.entries()) {
      if (at > 0 && at % SLICE === 0) await nextTurn(this.#deps.clock);
      if (!occupies({ alloc, report: undefined })) table.drop(alloc.ID);
    }
    try {
      const written = await writePlan(this.#deps, plan, { accepted, touched, complete: refused.length === 0 });
      if (written.kind !== "nothing") {
        const { revision } = written;
        if (written.kind === "part") await this.#restore(touched, []);
        const whole = written.kind === "all" && refused.length === 0;
        return whole ? { kind: "committed", revision } : { kind: "partial", revision, refused: refused.length };
      }
    } catch (thrown) {
      log.error("a plan could not be written", { eval: plan.evaluation.ID, reason: messageOf(thrown) });
      await this.#restore(touched, accepted);
      throw thrown;
    }
    await this.#restore(touched, accepted);
    return { kind: "stale" };
  }

  /** Holds the room of every placement that still fits beside all others. */
  async #admit(creates: readonly NewAlloc[]): Promise<Admitted> {
    const admitted: Admitted = { accepted: [], refused: [] };
    for (let at = 0; at < creates.length; at += SLICE) {
      if (at > 0) await nextTurn(this.#deps.clock);
      for (const create of creates.slice(at, at + SLICE)) this.#admitOne(create, admitted);
    }
    return admitted;
  }

  #admitOne(create: NewAlloc, { accepted, refused }: Admitted): void {
    const { table } = this.#deps;
    const leaving = [
      ...(create.previous === undefined ? [] : [create.previous]),
      ...create.evictions.map(({ alloc }) => alloc),
    ];
    const before = leaving.map(({ ID }) => ({ id: ID, held: table.drop(ID) }));
    // A plan that was made over several turns holds its room already, if its node is still there.
    const usable = table.holds(create.alloc.ID)
      ? table.takes(create.alloc.NodeID)
      : table.fits(create.alloc.NodeID, create.usage);
    if (usable) {
      if (!table.holds(create.alloc.ID)) table.hold(create.alloc.ID, create.alloc.NodeID, create.usage);
      accepted.push(create);
      return;
    }
    table.drop(create.alloc.ID);
    for (const { id, held } of before) if (held !== undefined) table.hold(id, held.nodeId, held.usage);
    refused.push(create);
  }

  async #restore(touched: readonly Alloc[], accepted: readonly NewAlloc[]): Promise<void> {
    const all = [...touched, ...accepted.map(({ alloc }) => alloc)];
    for (let at = 0; at < all.length; at += SLICE) {
      if (at > 0) await nextTurn(this.#deps.clock);
      this.#deps.restore(all.slice(at, at + SLICE));
    }
  }
}

function touchedBy(plan: Plan, accepted: readonly NewAlloc[], refused: readonly NewAlloc[]): Alloc[] {
  return [
    ...plan.changes,
    ...accepted.flatMap(({ previous, evictions }) => [
      ...(previous === undefined ? [] : [previous]),
      ...evictions.map(({ alloc }) => alloc),
    ]),
    ...refused.flatMap(({ previousAlone }) => previousAlone ?? []),
  ];
}
