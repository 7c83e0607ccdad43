import * as v from "valibot";
import type { HttpResponse } from "#base/env/http-client.ts";
import type { Result } from "#base/env/errors.ts";
import type { JobSubmission } from "#base/protocol/job-submission.ts";
import type { Job } from "#base/protocol/job.ts";
import { ApiCaller, segment, type ApiResult, type ApiTarget, type Call, type Query } from "./api-caller.ts";
import type { ApiFailure } from "./api-failure.ts";
import * as answers from "./nomad-answers.ts";

/** How a read is done; everything optional. */
export interface ReadOptions {
  /** Waits until the answer's index is above `index`. */
  readonly block?: { readonly index: number; readonly waitMs: number };
  readonly signal?: AbortSignal | undefined;
  readonly namespace?: string | undefined;
}

export interface RegisterOptions {
  /** Registers only if the job's modify index is still this; 0: only if there is no such job. */
  readonly checkIndex?: number | undefined;
  readonly evalPriority?: number | undefined;
  readonly preserveCounts?: boolean | undefined;
  readonly preserveResources?: boolean | undefined;
  /** The text the job was read from, kept beside it. */
  readonly submission?: JobSubmission;
}

export interface StopOptions {
  readonly purge: boolean;
  readonly namespace?: string | undefined;
  /** In every region; there is one. */
  readonly global?: boolean;
  readonly noShutdownDelay?: boolean;
  readonly evalPriority?: number | undefined;
}

export interface LogOptions {
  readonly task: string;
  readonly type: "stdout" | "stderr";
  readonly follow: boolean;
  readonly origin: "start" | "end";
  /** Bytes from the origin. */
  readonly offset: number;
  readonly signal?: AbortSignal | undefined;
}

export type NomadClient = ReturnType<typeof createNomadClient>;

/** The Nomad-compatible API of an agent (https://developer.hashicorp.com/nomad/api-docs). */
export function createNomadClient(target: ApiTarget) {
  const api = new ApiCaller("nomad", target);
  return {
    /** `http://host:port` */
    origin: target.address.origin,
    jobs: jobCalls(api),
    allocs: allocCalls(api),
    nodes: nodeCalls(api),
    evals: evalCalls(api),
    deployments: deploymentCalls(api),
    agent: {
      self: (options: ReadOptions = {}) => get(api, "/v1/agent/self", { ...options, schema: answers.AgentSelfSchema }),
      members: () => get(api, "/v1/agent/members", { schema: answers.AgentMembersSchema }),
    },
    status: {
      leader: () => get(api, "/v1/status/leader", { schema: v.string() }),
      peers: () => get(api, "/v1/status/peers", { schema: v.array(v.string()) }),
    },
    /** Any other endpoint. */
    call: <T>(call: Call<T>): Promise<ApiResult<T>> => api.call(call),
    /** Any other endpoint's body as it comes. */
    stream: (call: Omit<Call<unknown>, "schema">) => api.stream(call),
  };
}

type Get<T> = ReadOptions & Pick<Call<T>, "schema" | "query">;

function get<T>(api: ApiCaller, path: string, { namespace, query, ...rest }: Get<T>): Promise<ApiResult<T>> {
  return api.call({ ...rest, path, query: { ...query, namespace } });
}

function stopQuery({ noShutdownDelay, evalPriority, ...query }: StopOptions): Query {
  return { ...query, no_shutdown_delay: noShutdownDelay, eval_priority: evalPriority };
}

function jobCalls(api: ApiCaller) {
  const of = (id: string, rest = ""): string => `/v1/job/${segment(id)}${rest}`;
  return {
    list: (options: ReadOptions & { readonly prefix?: string } = {}) =>
      get(api, "/v1/jobs", { ...options, query: { prefix: options.prefix }, schema: v.array(answers.JobStubSchema) }),
    read: (id: string, options: ReadOptions = {}) => get(api, of(id), { ...options, schema: answers.JobAnswerSchema }),
    summary: (id: string, options: ReadOptions = {}) =>
      get(api, of(id, "/summary"), { ...options, schema: answers.JobSummarySchema }),
    allocations: (id: string, options: ReadOptions & { readonly all?: boolean } = {}) =>
      get(api, of(id, "/allocations"), {
        ...options,
        query: { all: options.all },
        schema: v.array(answers.AllocStubSchema),
      }),
    evaluations: (id: string, options: ReadOptions = {}) =>
      get(api, of(id, "/evaluations"), { ...options, schema: v.array(answers.EvalAnswerSchema) }),
    deployments: (id: string, options: ReadOptions = {}) =>
      get(api, of(id, "/deployments"), { ...options, schema: v.array(answers.DeploymentAnswerSchema) }),
    /** The newest one; null where there never was any. */
    deployment: (id: string, options: ReadOptions = {}) =>
      get(api, of(id, "/deployment"), { ...options, schema: v.nullish(answers.DeploymentAnswerSchema, null) }),
    versions: (id: string, options: ReadOptions = {}) =>
      get(api, of(id, "/versions"), {
        ...options,
        query: { diffs: true },
        schema: v.object({
          Versions: v.array(answers.JobAnswerSchema),
          Diffs: v.nullish(v.array(v.nullable(answers.JobDiffSchema)), () => []),
        }),
      }),
    ...jobWrites(api, of),
  };
}

function jobWrites(api: ApiCaller, of: (id: string, rest?: string) => string) {
  return {
    register: (job: Job, options: RegisterOptions = {}) =>
      api.call({
        method: "PUT",
        path: "/v1/jobs",
        query: { namespace: job.Namespace },
        body: {
          Job: job,
          ...(options.checkIndex === undefined ? {} : { EnforceIndex: true, JobModifyIndex: options.checkIndex }),
          ...(options.evalPriority === undefined ? {} : { EvalPriority: options.evalPriority }),
          ...(options.preserveCounts === undefined ? {} : { PreserveCounts: options.preserveCounts }),
          ...(options.preserveResources === undefined ? {} : { PreserveResources: options.preserveResources }),
          ...(options.submission === undefined ? {} : { Submission: options.submission }),
        },
        schema: answers.RegisterAnswerSchema,
      }),
    plan: (job: Job, options: { readonly diff: boolean; readonly whatIf?: object | undefined }) =>
      api.call({
        method: "PUT",
        path: of(job.ID, "/plan"),
        query: { namespace: job.Namespace },
        body: { Job: job, Diff: options.diff, ...(options.whatIf === undefined ? {} : { WhatIf: options.whatIf }) },
        schema: answers.PlanAnswerSchema,
      }),
    validate: (job: Job) =>
      api.call({ method: "PUT", path: "/v1/validate/job", body: { Job: job }, schema: answers.ValidateAnswerSchema }),
    stop: (id: string, options: StopOptions) =>
      api.call({
        method: "DELETE",
        path: of(id),
        query: stopQuery(options),
        schema: answers.RegisterAnswerSchema,
      }),
    scale: (id: string, group: string, options: { readonly count: number; readonly namespace?: string | undefined }) =>
      api.call({
        method: "PUT",
        path: of(id, "/scale"),
        query: { namespace: options.namespace },
        body: { Count: options.count, Target: { Group: group } },
        schema: answers.RegisterAnswerSchema,
      }),
    evaluate: (id: string, options: { readonly forceReschedule: boolean; readonly namespace?: string | undefined }) =>
      api.call({
        method: "PUT",
        path: of(id, "/evaluate"),
        query: { namespace: options.namespace },
        body: { JobID: id, EvalOptions: { ForceReschedule: options.forceReschedule } },
        schema: answers.RegisterAnswerSchema,
      }),
    revert: (id: string, version: number, options: { readonly namespace?: string | undefined } = {}) =>
      api.call({
        method: "PUT",
        path: of(id, "/revert"),
        query: { namespace: options.namespace },
        body: { JobID: id, JobVersion: version },
        schema: answers.RegisterAnswerSchema,
      }),
  };
}

function allocCalls(api: ApiCaller) {
  return {
    list: (options: ReadOptions & { readonly prefix?: string } = {}) =>
      get(api, "/v1/allocations", {
        ...options,
        query: { prefix: options.prefix },
        schema: v.array(answers.AllocStubSchema),
      }),
    read: (id: string, options: ReadOptions = {}) =>
      get(api, `/v1/allocation/${segment(id)}`, { ...options, schema: answers.AllocAnswerSchema }),
    stop: (id: string, options: { readonly noShutdownDelay?: boolean } = {}) =>
      api.call({
        method: "PUT",
        path: `/v1/allocation/${segment(id)}/stop`,
        query: { no_shutdown_delay: options.noShutdownDelay },
        body: {},
        schema: answers.EvalIdSchema,
      }),
    /** Without `task`: all that run; with `all` those that have ended, too. */
    restart: (id: string, { task = "", all = false }: { readonly task?: string; readonly all?: boolean }) =>
      api.call({
        method: "PUT",
        path: `/v1/client/allocation/${segment(id)}/restart`,
        body: { TaskName: task, AllTasks: all },
        schema: v.unknown(),
      }),
    /** The text of a task's log. */
    logs: (
      id: string,
      { task, type, follow, origin, offset, signal }: LogOptions,
    ): Promise<Result<HttpResponse, ApiFailure>> => {
      const query: Query = { task, type, follow, origin, offset, plain: true };
      return api.stream({ path: `/v1/client/fs/logs/${segment(id)}`, query, signal });
    },
  };
}

function nodeCalls(api: ApiCaller) {
  const of = (id: string, rest = ""): string => `/v1/node/${segment(id)}${rest}`;
  return {
    list: (options: ReadOptions & { readonly prefix?: string } = {}) =>
      get(api, "/v1/nodes", { ...options, query: { prefix: options.prefix }, schema: v.array(answers.NodeStubSchema) }),
    read: (id: string, options: ReadOptions = {}) => get(api, of(id), { ...options, schema: answers.NodeAnswerSchema }),
    allocations: (id: string, options: ReadOptions = {}) =>
      get(api, of(id, "/allocations"), { ...options, schema: v.array(answers.AllocAnswerSchema) }),
    setEligibility: (id: string, eligible: boolean) =>
      api.call({
        method: "PUT",
        path: of(id, "/eligibility"),
        body: { NodeID: id, Eligibility: eligible ? "eligible" : "ineligible" },
        schema: answers.NodeEvalAnswerSchema,
      }),
    /** `spec` null ends a drain. Deadline in nanoseconds; 0: none, negative: at once. */
    drain: (
      id: string,
      options: {
        readonly spec: { readonly Deadline: number; readonly IgnoreSystemJobs: boolean } | null;
        readonly markEligible: boolean;
        readonly meta?: Readonly<Record<string, string>>;
      },
    ) =>
      api.call({
        method: "PUT",
        path: of(id, "/drain"),
        body: { NodeID: id, DrainSpec: options.spec, MarkEligible: options.markEligible, Meta: options.meta ?? {} },
        schema: answers.NodeEvalAnswerSchema,
      }),
  };
}

function evalCalls(api: ApiCaller) {
  return {
    list: (options: ReadOptions & { readonly prefix?: string } = {}) =>
      get(api, "/v1/evaluations", {
        ...options,
        query: { prefix: options.prefix },
        schema: v.array(answers.EvalAnswerSchema),
      }),
    read: (id: string, options: ReadOptions = {}) =>
      get(api, `/v1/evaluation/${segment(id)}`, { ...options, schema: answers.EvalAnswerSchema }),
    allocations: (id: string, options: ReadOptions = {}) =>
      get(api, `/v1/evaluation/${segment(id)}/allocations`, { ...options, schema: v.array(answers.AllocStubSchema) }),
  };
}

function deploymentCalls(api: ApiCaller) {
  return {
    list: (options: ReadOptions & { readonly prefix?: string } = {}) =>
      get(api, "/v1/deployments", {
        ...options,
        query: { prefix: options.prefix },
        schema: v.array(answers.DeploymentAnswerSchema),
      }),
    read: (id: string, options: ReadOptions = {}) =>
      get(api, `/v1/deployment/${segment(id)}`, { ...options, schema: answers.DeploymentAnswerSchema }),
    allocations: (id: string, options: ReadOptions = {}) =>
      get(api, `/v1/deployment/allocations/${segment(id)}`, { ...options, schema: v.array(answers.AllocStubSchema) }),
    promote: (id: string) =>
      api.call({
        method: "PUT",
        path: `/v1/deployment/promote/${segment(id)}`,
        body: { DeploymentID: id, All: true },
        schema: answers.EvalIdSchema,
      }),
    fail: (id: string) =>
      api.call({
        method: "PUT",
        path: `/v1/deployment/fail/${segment(id)}`,
        body: { DeploymentID: id },
        schema: answers.EvalIdSchema,
      }),
  };
}
