import { DEFAULT_PRIORITY } from "#base/language/jobspec/defaults.ts";
import type { Env } from "#base/env/env.ts";
import type { Evaluation, EvalTrigger } from "#base/protocol/evaluation.ts";
import type { Job } from "#base/protocol/job.ts";
import { put } from "#base/state/codec.ts";
import type { Op, Store } from "#base/state/store.ts";
import { evals } from "#base/state/tables.ts";
import type { ClusterState } from "./cluster-state.ts";
import { newEvaluation } from "./evaluation.ts";
import type { Keyring } from "./keyring/keyring.ts";
import type { BatchWriter } from "./writer.ts";

/** What every part of the server works with. */
export interface ServerContext {
  readonly env: Env;
  readonly store: Store;
  readonly state: ClusterState;
  readonly writer: BatchWriter;
  readonly keyring: Keyring;
}

export function nowNsOf({ env }: ServerContext): number {
  return Math.round(env.clock.nowMs() * 1e6);
}

export interface JobEval {
  readonly namespace: string;
  readonly job: Pick<Job, "ID" | "Type" | "Priority">;
  readonly trigger: EvalTrigger;
  readonly fields?: Partial<Evaluation>;
}

/** A pending evaluation of a job. */
export function evalFor(context: ServerContext, { namespace, job, trigger, fields }: JobEval): Evaluation {
  return newEvaluation({
    id: context.env.random.uuid(),
    namespace,
    jobId: job.ID,
    type: job.Type,
    priority: job.Priority ?? DEFAULT_PRIORITY,
    trigger,
    nowNs: nowNsOf(context),
    ...(fields === undefined ? {} : { fields }),
  });
}

export function putEval(evaluation: Evaluation): Op {
  return put(evals, { namespace: evaluation.Namespace, id: evaluation.ID }, evaluation);
}

/** Resolves once what was written can be read: an answer given after it is never older than the write. */
export async function readable(context: ServerContext, revision: number): Promise<number> {
  await context.state.view.reached(revision);
  return revision;
}
