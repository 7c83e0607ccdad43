import * as v from "valibot";
import { jsonBody } from "#base/http/body.ts";
import { demand, type Access } from "#base/http/access.ts";
import { HttpError } from "#base/http/http-error.ts";
import { queryFlag, queryInteger } from "#base/http/query.ts";
import { route, type Reply, type Route } from "#base/http/route.ts";
import { MAX_COUNT } from "#base/language/jobspec/validate/validate-job.ts";
import { JobSubmissionSchema, type JobSubmission } from "#base/protocol/job-submission.ts";
import { JobSchema, type Job } from "#base/protocol/job.ts";
import { anyMap, block, flag, integer, optionalInteger, text } from "#base/protocol/schema.ts";
import type { Row } from "#base/state/table.ts";
import type { JobAnswer } from "../server/job-endpoint.ts";
import { takeJob, warningList } from "./job-intake.ts";
import { demandForJob } from "./job-authority.ts";
import type { NomadHttpDeps } from "./nomad-deps.ts";
import { namespaced, oneNamespace, orThrow, partOfSubmitting, scaleJob, demanded, refuseIfClosed } from "./requests.ts";

/** Largest job a client may send: big templates travel inside. */
export const MAX_JOB_BYTES = 4 * 1024 * 1024;

const RegisterBody = v.object({
  Job: block(JobSchema),
  EnforceIndex: flag,
  JobModifyIndex: integer,
  PreserveCounts: flag,
  PreserveResources: flag,
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
  EnforceIndex: flag,
  JobModifyIndex: integer,
});
const EvaluateBody = v.object({ ...named, EvalOptions: v.nullish(v.object({ ForceReschedule: flag }), null) });
const RevertBody = v.object({
  ...named,
  JobVersion: optionalInteger,
  TaggedVersion: text,
  EnforcePriorVersion: optionalInteger,
});
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
    refuseIfClosed(deps, request.access);
    const { job, warnings } = takeJob(deps, body.Job, query.namespace);
    demandForJob(request.access, job, "register-job");
    const { submission, warning } = keptSubmission(job, {
      given: body.Submission,
      maxBytes: deps.agent.jobs?.maxSourceBytes,
    });
    const answer = await jobs.register(job, {
      ...(body.EnforceIndex ? { checkIndex: body.JobModifyIndex } : {}),
      ...(submission === undefined ? {} : { submission }),
      preserveCounts: body.PreserveCounts,
      preserveResources: body.PreserveResources,
      evalPriority: body.EvalPriority,
    });
    return written(orThrow(answer), warningList([...warnings, ...warning]));
  };
  const registering = {
    method: ["PUT", "POST"],
    access: demanded(partOfSubmitting("register-job")),
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
    scaleRoute(deps),
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
      access: partOfSubmitting("deregister-job"),
      query: v.object({
        ...namespaced,
        purge: queryFlag,
        global: queryFlag,
        eval_priority: queryInteger,
        no_shutdown_delay: queryFlag,
      }),
      handle: async ({ params, query, access }) => {
        const { purge, eval_priority, no_shutdown_delay: noShutdownDelay } = query;
        if (purge) demand(access, { ...partOfSubmitting("purge-job"), name: oneNamespace(query.namespace) });
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
      access: partOfSubmitting("evaluate-job"),
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
    access: partOfSubmitting("force-periodic-job"),
    query: v.object(namespaced),
    body: jsonBody(v.unknown(), { whenEmpty: {} }),
    handle: async ({ params, query, access }) => {
      refuseIfClosed(deps, access);
      return written(orThrow(await deps.server.periodic.force(oneNamespace(query.namespace), params.id)));
    },
  });
}

function scaleRoute(deps: NomadHttpDeps): Route {
  const { jobs } = deps.server;
  return route({
    method: ["PUT", "POST"],
    path: "/v1/job/+id/scale",
    summary: "Scale a group of a job",
    access: scaleJob,
    query: v.object(namespaced),
    body: jsonBody(ScaleBody),
    handle: async ({ params, query, body, access }) => {
      refuseIfClosed(deps, access);
      const group = body.Target["Group"] ?? "";
      if (group === "") throw new HttpError(400, "group was not specified");
      if (body.Count !== null && body.Count < 0) throw new HttpError(400, "scaling action count can't be negative");
      if (body.Count !== null && body.Error)
        throw new HttpError(400, "scaling action should not contain count if error is true");
      const { namespace, id, value } = requireJob(deps, query.namespace, params.id);
      if (body.Count !== null) refuseTooMany(deps, value, { group, count: body.Count });
      return written(
        orThrow(
          await jobs.scale(namespace, id, {
            group,
            count: body.Count ?? undefined,
            message: body.Message,
            error: body.Error,
            meta: body.Meta,
            ...(body.EnforceIndex ? { checkIndex: body.JobModifyIndex } : {}),
          }),
        ),
      );
    },
  });
}

/** What registering it with this count would say. */
function refuseTooMany(
  { agent }: NomadHttpDeps,
  job: Job,
  { group, count }: { readonly group: string; readonly count: number },
): void {
  const others = job.TaskGroups.filter(({ Name }) => Name !== group);
  const total = others.reduce((sum, { Count }) => sum + (Count ?? 1), count);
  const most = agent.jobs?.maxCount ?? MAX_COUNT;
  if (total <= most) return;
  throw new HttpError(400, `the job would have ${total} instances, more than the limit of ${most} (job_max_count)`);
}

function versionWrites({ server: { jobs } }: NomadHttpDeps): Route[] {
  return [
    route({
      method: ["PUT", "POST"],
      path: "/v1/job/+id/revert",
      summary: "Go back to an earlier version of a job",
      access: partOfSubmitting("revert-job"),
      query: v.object(namespaced),
      body: jsonBody(RevertBody),
      handle: async ({ params, query, body }) => {
        if (body.TaggedVersion !== "" && (body.JobVersion ?? 0) !== 0)
          throw new HttpError(400, "JobVersion and TaggedVersion are given: expected one of them");
        const version = body.TaggedVersion === "" ? (body.JobVersion ?? 0) : { tag: body.TaggedVersion };
        const to = { version, enforcePriorVersion: body.EnforcePriorVersion ?? undefined };
        return written(orThrow(await jobs.revert(oneNamespace(query.namespace), params.id, to)));
      },
    }),
    route({
      method: ["PUT", "POST"],
      path: "/v1/job/+id/stable",
      summary: "Mark a version as stable",
      access: partOfSubmitting("stable-job"),
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

/** Longest source that is kept, unless the cluster says otherwise; the job itself is what counts. */
const MAX_SOURCE_BYTES = 1_000_000;

function keptSubmission(
  job: Job,
  {
    given,
    maxBytes = MAX_SOURCE_BYTES,
  }: { readonly given: JobSubmission | null; readonly maxBytes: number | undefined },
): { readonly submission?: JobSubmission; readonly warning: readonly string[] } {
  if (given === null || job.Meta["nomad_discard_job_source"] === "true") return { warning: [] };
  const bytes = Buffer.byteLength(given.Source) + Buffer.byteLength(given.Variables);
  if (bytes <= maxBytes) return { submission: given, warning: [] };
  const warning = `the job source has ${bytes} bytes, more than the ${maxBytes} that are kept: it was not stored`;
  return { warning: [warning] };
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
