import { GLOBAL } from "#base/protocol/keys.ts";
import type { Job } from "#base/protocol/job.ts";
import { remove } from "#base/state/codec.ts";
import type { Op } from "#base/state/store.ts";
import type { Row } from "#base/state/table.ts";
import {
  allocReports,
  allocs,
  deployments,
  evals,
  hostVolumes,
  jobs,
  jobScalings,
  jobSubmissions,
  jobVersions,
  nodes,
  nodeStates,
  serviceRemovals,
  volumeClaims,
} from "#base/state/tables.ts";
import { isClientTerminal, type KnownAlloc } from "./alloc-state.ts";
import type { ClusterState } from "./cluster-state.ts";
import { isTemplate } from "./job-endpoint.ts";
import type { GcAges } from "./settings.ts";
import { standingOf } from "./job-status.ts";
import { STRIDE, type Steps } from "./schedule/steps.ts";
import { isActive } from "./reconcile/standing.ts";

/** Collects whatever is over. */
export const GC_NOW: GcAges = { evalNs: 0, batchEvalNs: 0, deploymentNs: 0, jobNs: 0, nodeNs: 0 };

/** The deletes of one collection. A function of the state, to be interrupted where it yields. */
export function* collect(state: ClusterState, ages: GcAges, nowNs: number): Steps<Op[]> {
  const collection: Collection = { state, ages, nowNs, ops: [], goneAllocs: new Set(), goneJobs: new Set() };
  yield* collectJobs(collection);
  yield* collectAllocs(collection);
  yield* collectEvals(collection);
  yield* collectDeployments(collection);
  yield* collectVersions(collection);
  yield* collectNodes(collection);
  yield* collectClaims(collection);
  return collection.ops;
}

/** Claims of jobs and volumes that are no more. */
function* collectClaims({ state, ops }: Collection): Steps<void> {
  const { view } = state;
  for (const row of strided(view.table(volumeClaims).each())) {
    if (row === undefined) {
      yield;
      continue;
    }
    const { Namespace, JobID, VolumeID } = row.value;
    const stands = state.job(Namespace, JobID) !== undefined && hasVolume(state, Namespace, VolumeID);
    if (!stands) ops.push(remove(volumeClaims, row.namespace, row.id));
  }
}

function hasVolume({ view }: ClusterState, namespace: string, id: string): boolean {
  return view.table(hostVolumes).get(namespace, id) !== undefined;
}

interface Collection {
  readonly state: ClusterState;
  readonly ages: GcAges;
  readonly nowNs: number;
  readonly ops: Op[];
  readonly goneAllocs: Set<string>;
  readonly goneJobs: Set<string>;
}

/** Jobs that are stopped, or batch work that is done, with everything of theirs ended. */
function* collectJobs({ state, ages, nowNs, ops, goneJobs }: Collection): Steps<void> {
  for (const row of strided(state.view.table(jobs).each())) {
    if (row === undefined) {
      yield;
      continue;
    }
    const over = row.value.Stop || (isBatch(row.value) && !isTemplate(row.value));
    if (!over || standingOf(state, row).status !== "dead") continue;
    const known = state.jobAllocs(row.namespace, row.id);
    const ends = known.map(({ alloc, report }) => Math.max(alloc.ModifyTime, report?.ModifyTime ?? 0));
    if (ends.reduce((last, end) => Math.max(last, end), row.value.SubmitTime) > nowNs - ages.jobNs) continue;
    if (known.some((each) => !isClientTerminal(each)) || hasOpenEval(state, row)) continue;
    goneJobs.add(`${row.namespace}/${row.id}`);
    ops.push(remove(jobs, row.namespace, row.id));
    if (state.view.table(jobScalings).get(row.namespace, row.id) !== undefined) {
      ops.push(remove(jobScalings, row.namespace, row.id));
    }
  }
}

/** Ended, and nobody counts on them: told to stop, replaced, or their job is gone. */
function* collectAllocs({ state, ages, nowNs, ops, goneAllocs, goneJobs }: Collection): Steps<void> {
  for (const row of strided(state.view.table(allocs).each())) {
    if (row === undefined) {
      yield;
      continue;
    }
    const known = state.known(row);
    const { alloc, report } = known;
    if (!isClientTerminal(known)) continue;
    const jobGone = goneJobs.has(`${row.namespace}/${alloc.JobID}`);
    if (!jobGone) {
      const job = state.job(row.namespace, alloc.JobID)?.value;
      const ageNs = job !== undefined && isBatch(job) ? ages.batchEvalNs : ages.evalNs;
      if (Math.max(alloc.ModifyTime, report?.ModifyTime ?? 0) > nowNs - ageNs) continue;
      if (!isSuperseded(known) && job !== undefined) continue;
    }
    goneAllocs.add(row.id);
    ops.push(remove(allocs, row.namespace, row.id));
    for (const { id } of state.view.table(serviceRemovals).by("alloc", row.id)) {
      ops.push(remove(serviceRemovals, row.namespace, id));
    }
    if (report !== undefined) ops.push(remove(allocReports, row.namespace, row.id));
  }
}

function isSuperseded({ alloc }: KnownAlloc): boolean {
  return alloc.DesiredStatus !== "run" || alloc.NextAllocation !== "";
}

function* collectEvals({ state, ages, nowNs, ops, goneAllocs, goneJobs }: Collection): Steps<void> {
  for (const row of strided(state.view.table(evals).each())) {
    if (row === undefined) {
      yield;
      continue;
    }
    const { value } = row;
    if (value.Status === "pending" || value.Status === "blocked") continue;
    const jobGone = goneJobs.has(`${row.namespace}/${value.JobID}`);
    const ageNs = isBatch(value) ? ages.batchEvalNs : ages.evalNs;
    if (!jobGone && value.ModifyTime > nowNs - ageNs) continue;
    if ([...state.view.table(allocs).by("eval", row.id)].some(({ id }) => !goneAllocs.has(id))) continue;
    // The newest one says how many of a living job are still queued.
    const living = !jobGone && state.job(row.namespace, value.JobID) !== undefined;
    const newer = state.jobEvals(row.namespace, value.JobID).some((other) => other.modifyIndex > row.modifyIndex);
    if (living && !newer) continue;
    ops.push(remove(evals, row.namespace, row.id));
  }
}

function* collectDeployments({ state, ages, nowNs, ops, goneJobs }: Collection): Steps<void> {
  for (const row of strided(state.view.table(deployments).each())) {
    if (row === undefined) {
      yield;
      continue;
    }
    const { value } = row;
    if (isActive(value.Status)) continue;
    if (!goneJobs.has(`${row.namespace}/${value.JobID}`)) {
      if (value.ModifyTime > nowNs - ages.deploymentNs) continue;
      const newest = state.jobDeployments(row.namespace, value.JobID)[0]?.id === row.id;
      if (newest && state.job(row.namespace, value.JobID) !== undefined) continue;
    }
    ops.push(remove(deployments, row.namespace, row.id));
  }
}

/** Versions of jobs that are gone (or were, before one of the same name came), once no allocation needs them any more. */
function* collectVersions({ state, ops, goneAllocs, goneJobs }: Collection): Steps<void> {
  for (const row of strided(state.view.table(jobVersions).each())) {
    if (row === undefined) {
      yield;
      continue;
    }
    const { Namespace, ID, Version } = row.value;
    const job = state.job(Namespace, ID);
    if (job !== undefined && row.createIndex >= job.createIndex && !goneJobs.has(`${Namespace}/${ID}`)) continue;
    const isNeeded = ({ alloc }: KnownAlloc): boolean => alloc.JobVersion === Version && !goneAllocs.has(alloc.ID);
    if (state.jobAllocs(Namespace, ID).some(isNeeded)) continue;
    ops.push(remove(jobVersions, row.namespace, row.id));
    if (state.view.table(jobSubmissions).get(row.namespace, row.id) !== undefined) {
      ops.push(remove(jobSubmissions, row.namespace, row.id));
    }
  }
}

function* collectNodes({ state, ages, nowNs, ops, goneAllocs }: Collection): Steps<void> {
  for (const row of strided(state.view.table(nodeStates).each())) {
    if (row === undefined) {
      yield;
      continue;
    }
    const { id, value } = row;
    if (value.Status !== "down" || value.StatusUpdatedAt * 1e9 > nowNs - ages.nodeNs) continue;
    if (state.nodeAllocs(id).some(({ alloc }) => !goneAllocs.has(alloc.ID))) continue;
    ops.push(remove(nodes, GLOBAL, id), remove(nodeStates, GLOBAL, id));
  }
}

/** The items, and an undefined one now and then: a place to yield. */
function* strided<T>(items: Iterable<T>): Generator<T | undefined, void, void> {
  let seen = 0;
  for (const item of items) {
    if (seen % STRIDE === 0) yield undefined;
    seen += 1;
    yield item;
  }
}

function isBatch({ Type }: Pick<Job, "Type">): boolean {
  return Type === "batch" || Type === "sysbatch";
}

function hasOpenEval(state: ClusterState, { namespace, id }: Row<Job>): boolean {
  return state.jobEvals(namespace, id).some(({ value }) => value.Status === "pending" || value.Status === "blocked");
}
