import * as v from "valibot";
import { jsonBody } from "#base/http/body.ts";
import type { Access } from "#base/http/access.ts";
import { HttpError } from "#base/http/http-error.ts";
import { queryFlag, queryInteger, queryText } from "#base/http/query.ts";
import { route, type Reply, type Route } from "#base/http/route.ts";
import { JobSubmissionSchema, type JobSubmission } from "#base/protocol/job-submission.ts";
import { JobSchema, type Job } from "#base/protocol/job.ts";
import { anyMap, block, flag, integer, optionalInteger, text, textMap } from "#base/protocol/schema.ts";
import type { Row } from "#base/state/table.ts";
import type { JobAnswer } from "../server/job-endpoint.ts";
import { dispatch } from "../server/dispatch.ts";
import { takeJob, warningList } from "./job-intake.ts";
import { demandForJob } from "./job-authority.ts";
import type { NomadHttpDeps } from "./nomad-deps.ts";
import { namespaced, oneNamespace, orThrow, readJob, scaleJob, submitJob, demanded, dispatchJob } from "./requests.ts";

/** Largest job a client may send: big templates travel inside. */
export const MAX_JOB_BYTES = 4 * 1024 * 1024;

const RegisterBody = v.object({
  Job: block(JobSchema),
  EnforceIndex: flag,
  JobModifyIndex: integer,
  PreserveCounts: flag,
  EvalPriority: integer,
  Submission: block(JobSubmissionSchema),
});

/** Bodies name the job again. */
const named = { JobID: text, Namespace: text };
const ScaleBody = v.object({
  Count: optionalInteger,
  Target: v.nullish(v.record(v.string(), v.string()), () => ({})),
  Message: text,
  Error: flag,
  Meta: anyMap,
});
const EvaluateBody = v.object({ ...named, EvalOptions: v.nullish(v.object({ ForceReschedule: flag }), null) });
const RevertBody = v.object({ ...named, JobVersion: integer, EnforcePriorVersion: optionalInteger });
const StableBody = v.object({ ...named, JobVersion: integer, Stable: flag });

interface RegisterRequest {
  readonly body: v.InferOutput<typeof RegisterBody>;
  readonly query: { readonly namespace: string };
  readonly access: Access;
}

/** https://developer.hashicorp.com/nomad/api-docs/jobs */
export function jobWriteRoutes(deps: NomadHttpDeps): Route[] {
  const { jobs } = deps.server;
  const register = async (request: RegisterRequest): Promise<Reply> => {
    const { body, query } = request;
    refuseIfClosed(deps);
    const { job, warnings } = takeJob(deps.server.context.state.view, body.Job, query.namespace);
    demandForJob(request.access, job);
    const { submission, warning } = keptSubmission(job, body.Submission);
    const answer = await jobs.register(job, {
      ...(body.EnforceIndex ? { checkIndex: body.JobModifyIndex } : {}),
      ...(submission === undefined ? {} : { submission }),
      preserveCounts: body.PreserveCounts,
      evalPriority: body.EvalPriority,
    });
    return written(orThrow(answer), warningList([...warnings, ...warning]));
  };
  const registering = {
    method: ["PUT", "POST"],
    access: demanded(submitJob),
    query: v.object({ namespace: v.optional(v.string(), "") }),
    body: jsonBody(RegisterBody),
    target: ({ Job }: v.InferOutput<typeof RegisterBody>) => `job ${Job?.Namespace ?? ""}/${Job?.ID ?? ""}`,
    maxBodyBytes: MAX_JOB_BYTES,
  } as const;
  return [
    route({
      ...registering,
      path: "/v1/jobs",
      summary: "Register a job",
      handle: register,
    }),
    route({
      ...registering,
      path: "/v1/job/+id",
      summary: "Update a job",
      handle: (request) => {
        const { body, params } = request;
        if (body.Job !== null && body.Job.ID !== params.id) throw new HttpError(400, "Job ID does not match name");
        return register(request);
      },
    }),
    ...controlRoutes(deps),
    periodicRoute(deps),
    dispatchRoute(deps),
    ...versionWrites(deps),
  ];
}

function controlRoutes(deps: NomadHttpDeps): Route[] {
  const { jobs } = deps.server;
  return [
    route({
      method: "DELETE",
      path: "/v1/job/+id",
      summary: "Stop a job",
      access: submitJob,
      query: v.object({
        ...namespaced,
        purge: queryFlag,
        global: queryFlag,
        eval_priority: queryInteger,
        no_shutdown_delay: queryFlag,
      }),
      handle: async ({ params, query }) => {
        const { purge, eval_priority, no_shutdown_delay: noShutdownDelay } = query;
        const evalPriority = eval_priority === undefined ? {} : { evalPriority: eval_priority };
        return written(
          orThrow(
            await jobs.deregister(oneNamespace(query.namespace), params.id, {
              purge,
              noShutdownDelay,
              ...evalPriority,
            }),
          ),
        );
      },
    }),
    route({
      method: ["PUT", "POST"],
      path: "/v1/job/+id/evaluate",
      summary: "Evaluate a job again",
      access: readJob,
      query: v.object(namespaced),
      body: jsonBody(EvaluateBody, { whenEmpty: {} }),
      handle: async ({ params, query, body }) => {
        const { namespace, id } = requireJob(deps, query.namespace, params.id);
        const forceReschedule = body.EvalOptions?.ForceReschedule === true;
        return written(orThrow(await jobs.evaluate(namespace, id, { forceReschedule })));
      },
    }),
  ];
}

function periodicRoute(deps: NomadHttpDeps): Route {
  return route({
    method: ["PUT", "POST"],
    path: "/v1/job/+id/periodic/force",
    summary: "Launch a periodic job now",
    access: submitJob,
    query: v.object(namespaced),
    body: jsonBody(v.unknown(), { whenEmpty: {} }),
    handle: async ({ params, query }) => {
      refuseIfClosed(deps);
      return written(orThrow(await deps.server.periodic.force(oneNamespace(query.namespace), params.id)));
    },
  });
}

const DispatchBody = v.object({
  JobID: text,
  Payload: text,
  Meta: textMap,
  IdPrefixTemplate: text,
});

/** https://developer.hashicorp.com/nomad/api-docs/jobs#dispatch-job */
function dispatchRoute(deps: NomadHttpDeps): Route {
  return route({
    method: ["PUT", "POST"],
    path: "/v1/job/+id/dispatch",
    summary: "Run a parameterized job with a payload and metadata of its own",
    access: dispatchJob,
    query: v.object({ ...namespaced, idempotency_token: queryText }),
    body: jsonBody(DispatchBody, { whenEmpty: {} }),
    handle: async ({ params, query, body }) => {
      refuseIfClosed(deps);
      const at = { namespace: oneNamespace(query.namespace), id: params.id };
      const request = {
        payload: body.Payload,
        meta: body.Meta,
        idempotencyToken: query.idempotency_token,
        idPrefix: body.IdPrefixTemplate,
      };
      const { jobId, evalId, index, jobModifyIndex } = orThrow(await dispatch(deps.server, at, request));
      const value = {
        DispatchedJobID: jobId,
        EvalID: evalId,
        EvalCreateIndex: evalId === "" ? 0 : index,
        JobCreateIndex: jobModifyIndex,
        Index: index,
      };
      return { kind: "json", index, value };
    },
  });
}

function versionWrites(deps: NomadHttpDeps): Route[] {
  const { jobs } = deps.server;
  return [
    route({
      method: ["PUT", "POST"],
      path: "/v1/job/+id/scale",
      summary: "Scale a group of a job",
      access: scaleJob,
      query: v.object(namespaced),
      body: jsonBody(ScaleBody),
      handle: async ({ params, query, body }) => {
        refuseIfClosed(deps);
        const group = body.Target["Group"] ?? "";
        if (group === "") throw new HttpError(400, "group was not specified");
        if (body.Count !== null && body.Count < 0) throw new HttpError(400, "scaling action count can't be negative");
        if (body.Count !== null && body.Error)
          throw new HttpError(400, "scaling action should not contain count if error is true");
        const { namespace, id } = requireJob(deps, query.namespace, params.id);
        return written(
          orThrow(
            await jobs.scale(namespace, id, {
              group,
              count: body.Count ?? undefined,
              message: body.Message,
              error: body.Error,
              meta: body.Meta,
            }),
          ),
        );
      },
    }),
    route({
      method: ["PUT", "POST"],
      path: "/v1/job/+id/revert",
      summary: "Go back to an earlier version of a job",
      access: submitJob,
      query: v.object(namespaced),
      body: jsonBody(RevertBody),
      handle: async ({ params, query, body }) => {
        const to = { version: body.JobVersion, enforcePriorVersion: body.EnforcePriorVersion ?? undefined };
        return written(orThrow(await jobs.revert(oneNamespace(query.namespace), params.id, to)));
      },
    }),
    route({
      method: ["PUT", "POST"],
      path: "/v1/job/+id/stable",
      summary: "Mark a version as stable",
      access: submitJob,
      query: v.object(namespaced),
      body: jsonBody(StableBody),
      handle: async ({ params, query, body }) => {
        const to = { version: body.JobVersion, stable: body.Stable };
        const { index } = orThrow(await jobs.setStable(oneNamespace(query.namespace), params.id, to));
        return { kind: "json", index, value: { JobModifyIndex: index, Index: index } };
      },
    }),
  ];
}

/** Longest source that is kept; the job itself is what counts. */
const MAX_SOURCE_BYTES = 1_000_000;

function keptSubmission(
  job: Job,
  given: JobSubmission | null,
): { readonly submission?: JobSubmission; readonly warning: readonly string[] } {
  if (given === null || job.Meta["nomad_discard_job_source"] === "true") return { warning: [] };
  const bytes = Buffer.byteLength(given.Source) + Buffer.byteLength(given.Variables);
  if (bytes <= MAX_SOURCE_BYTES) return { submission: given, warning: [] };
  const warning = `the job source has ${bytes} bytes, more than the ${MAX_SOURCE_BYTES} that are kept: it was not stored`;
  return { warning: [warning] };
}

/** Operators may close the door while they repair something. */
function refuseIfClosed({ server }: NomadHttpDeps): void {
  if (!server.configuration().RejectJobRegistration) return;
  throw new HttpError(403, "job registration, dispatch, and scale are disabled by the scheduler configuration");
}

/** The stored job, or the 404 its users know. */
function requireJob({ server }: NomadHttpDeps, namespace: string, id: string): Row<Job> {
  const row = server.context.state.job(oneNamespace(namespace), id);
  if (row === undefined) throw new HttpError(404, "job not found");
  return row;
}

function written({ evalId, index, jobModifyIndex }: JobAnswer, warnings = ""): Reply {
  const value = {
    EvalID: evalId,
    EvalCreateIndex: evalId === "" ? 0 : index,
    JobModifyIndex: jobModifyIndex,
    Warnings: warnings,
    Index: index,
    LastContact: 0,
    KnownLeader: true,
  };
  return { kind: "json", index, value };
}
