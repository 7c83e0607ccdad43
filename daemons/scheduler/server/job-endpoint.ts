import { fail, succeed, type Failure, type Result } from "#base/env/errors.ts";
import type { Evaluation } from "#base/protocol/evaluation.ts";
import type { Job } from "#base/protocol/job.ts";
import type { ScalingEvent } from "#base/protocol/scaling-event.ts";
import type { Row } from "#base/state/table.ts";
import { absent, put, remove, unchanged } from "#base/state/codec.ts";
import type { Compare, Op } from "#base/state/store.ts";
import { jobs, jobScalings, jobSubmissions, jobVersions } from "#base/state/tables.ts";
import type { JobSubmission } from "#base/protocol/job-submission.ts";
import { forceReschedule, skipShutdownDelay } from "./alloc-endpoint.ts";
import { jobVersionId } from "./cluster-state.ts";
import { preserve } from "./preserve.ts";
import { sameSpecification } from "./job-specification.ts";
import { isActive } from "./reconcile/standing.ts";
import { judgeScale, type ScaleRequest } from "./scaling/judge-scale.ts";
import { keepEvent } from "./scaling/scaling-events.ts";
import { namespaceGuard } from "./tenancy/namespace.ts";
import { DEFAULT_SETTINGS, type ServerSettings } from "./settings.ts";
import { evalFor, nowNsOf, putEval, readable, type ServerContext } from "./server-context.ts";

/** A write that lost a race against another of the same job is made again this often. */
const WRITE_ATTEMPTS = 5;

export type JobTrigger = "job-register" | "job-deregister" | "job-scaling" | "periodic-job";

export interface RegisterOptions {
  /** Only if the stored job is at this JobModifyIndex; 0: only if there is none. */
  readonly checkIndex?: number;
  readonly submission?: JobSubmission;
  /** Groups and tasks that there are already keep the counts, or the resources, they have. */
  readonly preserveCounts?: boolean;
  readonly preserveResources?: boolean;
  readonly evalPriority?: number;
  readonly trigger?: JobTrigger;
}

export interface JobAnswer {
  /** Empty where nothing is to be scheduled (periodic and parameterized jobs). */
  readonly evalId: string;
  readonly index: number;
  readonly jobModifyIndex: number;
}

/** What users do to jobs: each a transaction of the job, its version and an evaluation. */
export class JobEndpoint {
  readonly #context: ServerContext;
  readonly #settings: Pick<ServerSettings, "trackedVersions">;

  constructor(context: ServerContext, settings: Pick<ServerSettings, "trackedVersions"> = DEFAULT_SETTINGS) {
    this.#context = context;
    this.#settings = settings;
  }

  /** `job` is canonical and valid. An unchanged job keeps its version and is evaluated again. */
  register(job: Job, options: RegisterOptions = {}): Promise<Result<JobAnswer>> {
    return this.#retry(job.Namespace, job.ID, async (existing) => {
      const refused = checkIndex(existing, options.checkIndex);
      if (refused !== undefined) return fail("check_index", refused);
      const wanted = preserve(job, existing?.value, options);
      return this.#write(existing, { wanted, options });
    });
  }

  /** Stops a job; `purge` also forgets it. */
  async deregister(
    namespace: string,
    id: string,
    options: { readonly purge: boolean; readonly noShutdownDelay?: boolean; readonly evalPriority?: number },
  ): Promise<Result<JobAnswer>> {
    if (options.noShutdownDelay === true) await skipShutdownDelay(this.#context, namespace, id);
    return this.#retry(namespace, id, async (existing) => {
      if (existing === undefined) {
        const evaluation = this.#evaluation(
          { ID: id, Namespace: namespace, Type: "service", Priority: null },
          "job-deregister",
          options.evalPriority,
        );
        return this.#commit([], [putEval(evaluation)], evaluation.ID);
      }
      const evaluation = this.#evaluation(existing.value, "job-deregister", options.evalPriority);
      if (options.purge) {
        const submissions = this.#context.state
          .jobVersions(namespace, id)
          .map(({ value }) => remove(jobSubmissions, namespace, jobVersionId(id, value.Version)));
        const ops = [
          remove(jobs, namespace, id),
          remove(jobScalings, namespace, id),
          ...submissions,
          putEval(evaluation),
        ];
        return this.#commit([unchanged(jobs, existing)], ops, evaluation.ID);
      }
      const stopped = { ...existing.value, Stop: true, SubmitTime: nowNsOf(this.#context) };
      const how = { trigger: "job-register", ...this.#sourceOf(existing.value) } as const;
      return this.#write(existing, { wanted: stopped, options: how, evaluation });
    });
  }

  /** Looks at the job again; `forceReschedule` also retries what its policy gave up. */
  evaluate(
    namespace: string,
    id: string,
    options: { readonly forceReschedule: boolean } = { forceReschedule: false },
  ): Promise<Result<JobAnswer>> {
    return this.#retry(namespace, id, async (existing) => {
      if (existing === undefined) return fail("not_found", "job not found");
      if (isTemplate(existing.value)) return fail("not_evaluable", "can't evaluate periodic or parameterized job");
      const evaluation = this.#evaluation(existing.value, "job-register");
      const changes = options.forceReschedule ? forceReschedule(this.#context, namespace, id) : [];
      const then = [...changes.map(({ op }) => op), putEval(evaluation)];
      const done = await this.#commit(
        changes.map(({ compare }) => compare),
        then,
        evaluation.ID,
      );
      return done.ok ? succeed({ ...done.value, jobModifyIndex: existing.modifyIndex }) : done;
    });
  }

  /** Sets a group's count, or only says something about it; both are kept as events, refusals too. */
  scale(namespace: string, id: string, request: ScaleRequest): Promise<Result<JobAnswer>> {
    return this.#retry(namespace, id, async (existing) => {
      if (existing === undefined) return fail("not_found", "job not found");
      const refused = checkIndex(existing, request.checkIndex);
      if (refused !== undefined) return fail("check_index", refused);
      const { state } = this.#context;
      const active = state.jobDeployments(namespace, id).some(({ value }) => isActive(value.Status));
      const judged = judgeScale(existing.value, request, active);
      if (!judged.ok && judged.error.code === "no_group") return judged;
      const scales = judged.ok && request.count !== undefined;
      const evaluation = scales ? this.#evaluation(judged.value, "job-scaling") : undefined;
      const event = this.#scalingEvent(existing.value, request, judged.ok ? (evaluation?.ID ?? "") : judged.error);
      const kept = keepEvent(state.view, existing, { group: request.group, event });
      if (!scales) {
        const written = await this.#commit([kept.compare], [kept.op], "");
        if (!written.ok) return written;
        return judged.ok ? succeed({ ...written.value, jobModifyIndex: existing.modifyIndex }) : judged;
      }
      const options = { trigger: "job-scaling", ...this.#sourceOf(existing.value) } as const;
      return this.#write(existing, {
        wanted: judged.value,
        options,
        beside: [kept],
        ...(evaluation && { evaluation }),
      });
    });
  }

  /** Registers an earlier version again, as the newest. */
  revert(
    namespace: string,
    id: string,
    to: { readonly version: number | { readonly tag: string }; readonly enforcePriorVersion: number | undefined },
  ): Promise<Result<JobAnswer>> {
    return this.#retry(namespace, id, async (existing) => {
      if (existing === undefined) return fail("not_found", "job not found");
      const now = existing.value.Version;
      if (to.enforcePriorVersion !== undefined && to.enforcePriorVersion !== now) {
        return fail("bad_version", `current job has version ${now}; enforcing version ${to.enforcePriorVersion}`);
      }
      const { version } = to;
      const versions = this.#context.state.currentVersions(existing);
      const target = versions.find(({ value }) =>
        typeof version === "number" ? value.Version === version : value.VersionTag?.Name === version.tag,
      )?.value;
      const name = typeof version === "number" ? version : JSON.stringify(version.tag);
      if (target === undefined)
        return fail("not_found", `job "${id}" in namespace "${namespace}" at version ${name} not found`);
      if (target.Version === now) return fail("bad_version", `can't revert to current version`);
      return this.#write(existing, { wanted: { ...target, Stop: false }, options: this.#sourceOf(target) });
    });
  }

  /** Marks a version as one to come back to, or not. */
  async setStable(
    namespace: string,
    id: string,
    to: { readonly version: number; readonly stable: boolean },
  ): Promise<Result<JobAnswer>> {
    const row = this.#context.state.jobVersion(namespace, id, to.version);
    if (row === undefined) return fail("not_found", "job version not found");
    const ops = [put(jobVersions, row, { ...row.value, Stable: to.stable })];
    return this.#commit([unchanged(jobVersions, row)], ops, "");
  }

  async #write(
    existing: Row<Job> | undefined,
    what: {
      readonly wanted: Job;
      readonly options: RegisterOptions;
      readonly evaluation?: Evaluation;
      readonly beside?: readonly Guarded[];
    },
  ): Promise<Result<JobAnswer>> {
    const { wanted, options } = what;
    const same = existing !== undefined && sameSpecification(existing.value, wanted);
    const version = existing === undefined ? this.#firstVersion(wanted) : existing.value.Version + (same ? 0 : 1);
    const SubmitTime = nowNsOf(this.#context);
    const job: Job = { ...wanted, Version: version, Stable: false, VersionTag: null, SubmitTime };
    const compare = existing === undefined ? absent(jobs, job.Namespace, job.ID) : unchanged(jobs, existing);
    const guard = namespaceGuard(this.#context.state.view, job.Namespace);
    const ops: Op[] = [];
    if (!same) {
      const versionKey = { namespace: job.Namespace, id: jobVersionId(job.ID, version) };
      ops.push(put(jobs, { namespace: job.Namespace, id: job.ID }, job), put(jobVersions, versionKey, job));
      if (options.submission !== undefined) ops.push(put(jobSubmissions, versionKey, options.submission));
      ops.push(...this.#forgetOld(job));
    }
    const trigger = options.trigger ?? "job-register";
    const evaluation = what.evaluation ?? this.#evaluation(job, trigger, options.evalPriority);
    const scheduled = what.evaluation !== undefined || !isTemplate(job);
    if (scheduled) ops.push(putEval(evaluation));
    const { beside = [] } = what;
    ops.push(...beside.map(({ op }) => op));
    if (ops.length === 0) {
      return succeed({ evalId: "", index: existing?.modifyIndex ?? 0, jobModifyIndex: existing?.modifyIndex ?? 0 });
    }
    const done = await this.#commit(
      [compare, ...guard, ...beside.map((each) => each.compare)],
      ops,
      scheduled ? evaluation.ID : "",
    );
    if (!done.ok || !same) return done;
    return succeed({ ...done.value, jobModifyIndex: existing.modifyIndex });
  }

  #scalingEvent(job: Job, request: ScaleRequest, outcome: string | Failure): ScalingEvent {
    const Time = nowNsOf(this.#context);
    const PreviousCount = job.TaskGroups.find(({ Name }) => Name === request.group)?.Count ?? null;
    const { count, message, error, meta } = request;
    if (typeof outcome === "string") {
      return { Time, Count: count ?? null, PreviousCount, Message: message, Error: error, Meta: meta, EvalID: outcome };
    }
    const Meta = { OriginalCount: count ?? null, OriginalMessage: message, OriginalMeta: meta };
    return { Time, Count: null, PreviousCount, Message: outcome.message, Error: true, Meta, EvalID: "" };
  }

  /** A version that only stops, scales or goes back is still what its text says. */
  #sourceOf({ Namespace, ID, Version }: Job): Pick<RegisterOptions, "submission"> {
    const row = this.#context.state.view.table(jobSubmissions).get(Namespace, jobVersionId(ID, Version));
    return row === undefined ? {} : { submission: row.value };
  }

  /** 0, or after those a purged job of the same name left for the allocations it still has. */
  #firstVersion({ Namespace, ID }: Job): number {
    const left = this.#context.state.jobVersions(Namespace, ID).at(-1);
    return left === undefined ? 0 : left.value.Version + 1;
  }

  /** What has a tag is kept, and does not count. */
  #forgetOld(job: Job): Op[] {
    const { state } = this.#context;
    const old = state
      .jobVersions(job.Namespace, job.ID)
      .filter(({ value }) => value.Version !== job.Version && value.VersionTag === null);
    const running = new Set(state.jobAllocRows(job.Namespace, job.ID).map(({ value }) => value.JobVersion));
    const surplus = old.length + 1 - this.#settings.trackedVersions;
    const lastStable = old.findLast(({ value }) => value.Stable)?.value.Version;
    return old
      .filter(({ value }) => !running.has(value.Version) && value.Version !== lastStable)
      .slice(0, Math.max(0, surplus))
      .flatMap(({ id }) => [remove(jobVersions, job.Namespace, id), remove(jobSubmissions, job.Namespace, id)]);
  }

  #evaluation(
    job: Pick<Job, "ID" | "Namespace" | "Type" | "Priority">,
    trigger: JobTrigger,
    evalPriority = 0,
  ): Evaluation {
    const Priority = evalPriority > 0 ? evalPriority : job.Priority;
    return evalFor(this.#context, { namespace: job.Namespace, job: { ...job, Priority }, trigger });
  }

  async #commit(compare: readonly Compare[], then: readonly Op[], evalId: string): Promise<Result<JobAnswer>> {
    const result = await this.#context.store.txn({ compare, then });
    if (!result.ok) return fail("conflict", "the job was changed at the same time");
    const index = await readable(this.#context, result.revision);
    return succeed({ evalId, index, jobModifyIndex: index });
  }

  /** Two writers of one job: the loser looks again at what is there now. */
  async #retry(
    namespace: string,
    id: string,
    attempt: (existing: Row<Job> | undefined) => Promise<Result<JobAnswer>>,
  ): Promise<Result<JobAnswer>> {
    const { state, store } = this.#context;
    let result = await attempt(state.job(namespace, id));
    for (let i = 1; i < WRITE_ATTEMPTS && !result.ok && result.error.code === "conflict"; i++) {
      await readable(this.#context, store.status().revision);
      result = await attempt(state.job(namespace, id));
    }
    return result;
  }
}

/** A write with the condition it needs. */
interface Guarded {
  readonly compare: Compare;
  readonly op: Op;
}

/** Periodic and parameterized jobs only make other jobs. */
export function isTemplate(job: Job): boolean {
  return job.Periodic !== null || (job.ParameterizedJob !== null && !job.Dispatched);
}

function checkIndex(existing: Row<Job> | undefined, wanted: number | undefined): string | undefined {
  if (wanted === undefined) return undefined;
  if (existing === undefined) {
    return wanted === 0 ? undefined : "Enforcing job modify index " + `${wanted}: job does not exist`;
  }
  if (wanted === 0) return "Enforcing job modify index 0: job already exists";
  if (existing.modifyIndex === wanted) return undefined;
  return `Enforcing job modify index ${wanted}: job exists with conflicting job modify index: ${existing.modifyIndex}`;
}
