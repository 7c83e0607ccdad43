import type { Clock } from "#base/env/clock.ts";
import type { Alloc } from "#base/protocol/alloc.ts";
import type { Evaluation } from "#base/protocol/evaluation.ts";
import type { VolumeClaim } from "#base/protocol/host-volume.ts";
import { keyOf } from "#base/protocol/keys.ts";
import { put, remove } from "#base/state/codec.ts";
import { revealOp, stageOp } from "#base/state/staging.ts";
import type { Compare, Op, Store } from "#base/state/store.ts";
import { allocs, deployments, evals, volumeClaims } from "#base/state/tables.ts";
import type { NewAlloc, Plan } from "./plan.ts";
import { nextTurn } from "./schedule/steps.ts";

/** Allocations in one transaction; a view takes them in within a few milliseconds. */
const CHUNK = 250;

export interface PlanWriteDeps {
  readonly store: Store;
  readonly clock: Clock;
}

interface Written {
  readonly accepted: readonly NewAlloc[];
  /** Changed records of allocations that were there. */
  readonly touched: readonly Alloc[];
  /** A plan that was cut short is made again from what is written now, follow-ups included. */
  readonly complete: boolean;
}

/** How much of a plan was written: where a compare did not hold, nothing, or only its first part. */
export type PlanWrite = { readonly kind: "all" | "part"; readonly revision: number } | { readonly kind: "nothing" };

const NOTHING: PlanWrite = { kind: "nothing" };

/**
 * Writes a plan. What fits one transaction goes in one. Of a larger one the new allocations are staged in chunks and seen
 * at once; changes of more than a chunk of others follow, and the evaluation ends with the last. Rejects with the store's
 * error.
 */
export async function writePlan(deps: PlanWriteDeps, plan: Plan, what: Written): Promise<PlanWrite> {
  const guard = [evalUnchanged(plan)];
  const { Namespace, ID } = plan.evaluation;
  const name = `${Namespace}.${ID}.${plan.evalModifyIndex}.${what.accepted[0]?.alloc.ID ?? ""}`;
  const staged = what.accepted.length + what.touched.length > CHUNK && what.accepted.length > 0;
  if (!staged)
    return writeRest(deps, plan, { ...what, guard, first: what.accepted.map(({ alloc }) => putAlloc(alloc)) });
  let written = NOTHING;
  try {
    if (await stage(deps, { name, guard, creates: what.accepted })) {
      written = await writeRest(deps, plan, { ...what, guard, first: [revealOp(name)] });
    }
  } finally {
    // Hidden rows are nobody's. A store that does not take this now is cleared at the next start.
    if (written.kind === "nothing") await abandon(deps, name, what.accepted).catch(() => {});
  }
  return written;
}

function writeRest(
  deps: PlanWriteDeps,
  plan: Plan,
  what: Written & { readonly guard: readonly Compare[]; readonly first: readonly Op[] },
): Promise<PlanWrite> {
  const { guard } = what;
  const claims = what.accepted.flatMap((each) => each.claims);
  const first = [...what.first, ...claims.map((claim) => put(volumeClaims, atClaim(claim), claim))];
  const compare = [...guard];
  for (const { deployment, modifyIndex } of plan.deployments) {
    const at = { namespace: deployment.Namespace, id: deployment.ID };
    first.push(put(deployments, at, deployment));
    const key = keyOf(deployments.name, at.namespace, at.id);
    compare.push({ key, target: "mod", op: "=", operand: modifyIndex });
  }
  return writeChanges(deps, { first, compare, guard, changes: what.touched, plan, last: endsOf(plan, what) });
}

function endsOf(plan: Plan, { accepted, complete }: Written): Op[] {
  // One for each job that somebody lost a place of, whatever else comes of the plan.
  const evicted = accepted.flatMap(({ evictions }) => evictions.map(({ evaluation }) => evaluation));
  const byJob = new Map(evicted.map((each) => [`${each.Namespace}/${each.JobID}`, each]));
  const results: Evaluation[] = [...byJob.values(), ...(complete ? plan.evaluations : [])];
  if (complete && plan.result !== undefined) results.push(plan.result);
  return results.map((each) => put(evals, { namespace: each.Namespace, id: each.ID }, each));
}

/** New allocations, a chunk at a time, that nobody sees yet; false: a compare did not hold. */
async function stage(
  { store, clock }: PlanWriteDeps,
  { name, guard, creates }: { name: string; guard: readonly Compare[]; creates: readonly NewAlloc[] },
): Promise<boolean> {
  for (let at = 0; at < creates.length; at += CHUNK) {
    const chunk = creates.slice(at, at + CHUNK).map(({ alloc }) => putAlloc(alloc));
    const result = await store.txn({ compare: guard, then: [...chunk, stageOp(name, at)] });
    if (!result.ok) return false;
    await nextTurn(clock);
  }
  return true;
}

interface Changes {
  readonly first: readonly Op[];
  readonly compare: readonly Compare[];
  readonly guard: readonly Compare[];
  readonly changes: readonly Alloc[];
  readonly plan: Plan;
  readonly last: readonly Op[];
}

async function writeChanges({ store, clock }: PlanWriteDeps, at: Changes): Promise<PlanWrite> {
  let revision = 0;
  const chunks = Math.max(1, Math.ceil(at.changes.length / CHUNK));
  for (let chunk = 0; chunk < chunks; chunk++) {
    const own = at.changes.slice(chunk * CHUNK, (chunk + 1) * CHUNK);
    const unchanged = own.flatMap((alloc) => allocUnchanged(alloc, at.plan.bases.get(alloc.ID)));
    const compare = [...(chunk === 0 ? at.compare : at.guard), ...unchanged];
    const then = [...(chunk === 0 ? at.first : []), ...own.map(putAlloc), ...(chunk === chunks - 1 ? at.last : [])];
    const result = await store.txn({ compare, then });
    if (!result.ok) return chunk === 0 ? NOTHING : { kind: "part", revision };
    revision = result.revision;
    if (chunk < chunks - 1) await nextTurn(clock);
  }
  return { kind: "all", revision };
}

/** Takes back what was staged. */
async function abandon({ store, clock }: PlanWriteDeps, name: string, creates: readonly NewAlloc[]): Promise<void> {
  for (let at = 0; at < creates.length; at += CHUNK) {
    const then = creates.slice(at, at + CHUNK).map(({ alloc }) => remove(allocs, alloc.Namespace, alloc.ID));
    await store.txn({ then });
    await nextTurn(clock);
  }
  await store.txn({ then: [revealOp(name)] });
}

function putAlloc(alloc: Alloc): Op {
  return put(allocs, { namespace: alloc.Namespace, id: alloc.ID }, alloc);
}

function atClaim({ Namespace, ID }: VolumeClaim): { namespace: string; id: string } {
  return { namespace: Namespace, id: ID };
}

function evalUnchanged({ evaluation, evalModifyIndex }: Plan): Compare {
  const key = keyOf(evals.name, evaluation.Namespace, evaluation.ID);
  return { key, target: "mod", op: "=", operand: evalModifyIndex };
}

function allocUnchanged({ Namespace, ID }: Alloc, modifyIndex: number | undefined): Compare[] {
  if (modifyIndex === undefined) return [];
  return [{ key: keyOf(allocs.name, Namespace, ID), target: "mod", op: "=", operand: modifyIndex }];
}
