import * as v from "valibot";
import { jsonBody } from "#base/http/body.ts";
import { HttpError } from "#base/http/http-error.ts";
import { route, type Route } from "#base/http/route.ts";
import { canonicalize } from "#base/language/jobspec/canonicalize.ts";
import type { Evaluation } from "#base/protocol/evaluation.ts";
import { JobSchema, type Job } from "#base/protocol/job.ts";
import { block, flag } from "#base/protocol/schema.ts";
import { jobDiff } from "../server/job-diff.ts";
import { sameSpecification } from "../server/job-specification.ts";
import { nextLaunchMs } from "../server/periodic.ts";
import { allocStub } from "./answers/alloc.ts";
import type { ClusterState } from "../server/cluster-state.ts";
import type { Plan } from "../server/plan.ts";
import { SuppositionSchema, type Supposition } from "../server/what-if/supposition.ts";
import { whatIf, type WhatIf } from "../server/what-if/what-if.ts";
import { evalFor, nowNsOf } from "../server/server-context.ts";
import { evalAnswer } from "./answers/evaluation.ts";
import { NEVER, timeText } from "./answers/time.ts";
import { checkJob, errorList, takeJob, warningList } from "./job-intake.ts";
import { demandForJob } from "./job-authority.ts";
import { MAX_JOB_BYTES } from "./job-write-routes.ts";
import type { NomadHttpDeps } from "./nomad-deps.ts";
import { ParseRequestSchema, parseJobText } from "./parse-job-text.ts";
import { readJob, partOfSubmitting, demanded, mayParse } from "./requests.ts";

const PlanBody = v.object({
  Job: block(JobSchema),
  Diff: flag,
  PolicyOverride: flag,
  /** Ours: the plan for a cluster that is thought of as another. */
  WhatIf: block(SuppositionSchema),
});
/** Parsing is one turn of the server: what needs more than some 10 ms is read apart, or refused. */
const MAX_PARSE_STEPS = 100_000;
const MAX_TEXT_AT_ONCE = 64 * 1024;
/** Made to be slow. */
const SLOW = /\bbcrypt\b/;
const given = { namespace: v.optional(v.string(), "") };

/** Routes that tell what a job would be or do, and change nothing. */
export function jobPlanRoutes(deps: NomadHttpDeps): Route[] {
  return [
    parseRoute(deps),
    route({
      method: ["PUT", "POST"],
      path: "/v1/validate/job",
      summary: "Check a job",
      access: demanded(readJob),
      query: v.object(given),
      body: jsonBody(v.object({ Job: block(JobSchema) })),
      maxBodyBytes: MAX_JOB_BYTES,
      handle: ({ body }) => {
        if (body.Job === null) throw new HttpError(400, "Job must be specified");
        const { errors, warnings } = checkJob(canonicalize(body.Job, deps.agent.jobs), deps.agent.jobs);
        const value = {
          DriverConfigValidated: true,
          ValidationErrors: errors.length === 0 ? null : errors,
          Error: errors.length === 0 ? "" : errorList(errors),
          Warnings: warningList(warnings),
        };
        return { kind: "json", value };
      },
    }),
    route({
      method: ["PUT", "POST"],
      path: "/v1/job/+id/plan",
      summary: "Try out what registering a job would do",
      access: demanded(partOfSubmitting("plan-job")),
      query: v.object(given),
      body: jsonBody(PlanBody),
      maxBodyBytes: MAX_JOB_BYTES,
      handle: async ({ body, query, params, access }) => {
        if (body.Job !== null && body.Job.ID !== params.id) throw new HttpError(400, "Job ID does not match name");
        const { job, warnings } = takeJob(deps, body.Job, query.namespace);
        demandForJob(access, job, "plan-job");
        const sees = (namespace: string): boolean =>
          access.isManagement || access.allows("namespace", "read-job", namespace);
        const options = { diff: body.Diff, warnings: warningList(warnings), supposition: body.WhatIf, sees };
        return { kind: "json", value: await planAnswer(deps, job, options) };
      },
    }),
  ];
}

function parseRoute({ server, agent }: NomadHttpDeps): Route {
  const { env } = server.context;
  const effects = { maxSteps: MAX_PARSE_STEPS, now: () => env.clock.nowMs(), uuid: () => env.random.uuid() };
  return route({
    method: ["PUT", "POST"],
    path: "/v1/jobs/parse",
    summary: "Turn a job file into a job",
    access: mayParse,
    query: v.object(given),
    body: jsonBody(ParseRequestSchema),
    maxBodyBytes: MAX_JOB_BYTES,
    handle: async ({ body, rawQuery }) => {
      if (body.JobHCL === "") throw new HttpError(400, "Job spec is empty");
      if (body.HCLv1) throw new HttpError(400, "HCL1 job files are not supported: write the job in HCL2");
      const isLarge = body.JobHCL.length + body.Variables.length > MAX_TEXT_AT_ONCE || SLOW.test(body.JobHCL);
      const parsed =
        isLarge && agent.parseApart !== undefined ? await agent.parseApart(body) : await parseJobText(body, effects);
      if (!parsed.ok) throw new HttpError(400, parsed.message);
      if (rawQuery.has("pretty")) return { kind: "json", value: v.parse(v.unknown(), JSON.parse(parsed.json)) };
      return { kind: "bytes", contentType: "application/json", body: parsed.json };
    },
  });
}

interface PlanOptions {
  readonly diff: boolean;
  readonly warnings: string;
  readonly supposition: Supposition | null;
  /** Whether other jobs of a namespace may be named. */
  readonly sees: (namespace: string) => boolean;
}

/** https://developer.hashicorp.com/nomad/api-docs/jobs#create-job-plan */
async function planAnswer({ server }: NomadHttpDeps, job: Job, options: PlanOptions) {
  const { context, table } = server;
  const existing = context.state.job(job.Namespace, job.ID);
  const same = existing !== undefined && sameSpecification(existing.value, job);
  const Version = existing === undefined ? 0 : existing.value.Version + (same ? 0 : 1);
  const evaluation = evalFor(context, { namespace: job.Namespace, job, trigger: "job-register" });
  const request = { evaluation, evalModifyIndex: 0, nowNs: nowNsOf(context), proposed: { ...job, Version } };
  const { supposition } = options;
  const scheduling = { state: context.state, table, random: context.env.random };
  const done = supposition === null ? undefined : whatIf(scheduling, request, supposition);
  if (done?.ok === false) throw new HttpError(400, `${done.error.message}. ${done.error.hint ?? ""}`.trim());
  const plan = done?.value.plan ?? (await server.tryOut(request));
  return {
    Annotations: { DesiredTGUpdates: plan.annotations, PreemptedAllocs: preempted(context.state, plan) },
    FailedTGAllocs: orNull(plan.result?.FailedTGAllocs),
    NextPeriodicLaunch: nextLaunch(job, context.env.clock.nowMs()),
    JobModifyIndex: existing?.modifyIndex ?? 0,
    CreatedEvals: plan.evaluations.length === 0 ? null : plan.evaluations.map(plannedEval),
    Diff: options.diff ? withUpdates(jobDiff(existing?.value, job), plan) : null,
    Warnings: options.warnings,
    ...(done === undefined ? {} : { WhatIf: seen(done.value.told, options.sees) }),
  };
}

function seen(told: WhatIf, sees: (namespace: string) => boolean): WhatIf {
  return { ...told, Others: told.Others.filter(({ Namespace }) => sees(Namespace)) };
}

/** Whom the job would take the place of. */
function preempted(state: ClusterState, { creates }: Plan) {
  const evicted = creates.flatMap(({ evictions }) => evictions.map(({ alloc }) => alloc.ID));
  const rows = evicted.flatMap((id) => state.allocById(id) ?? []);
  return rows.length === 0 ? null : rows.map((row) => allocStub(state, state.known(row)));
}

/** One that registering would make: it has no indexes yet. */
function plannedEval(value: Evaluation) {
  return evalAnswer({ namespace: value.Namespace, id: value.ID, value, createIndex: 0, modifyIndex: 0 });
}

function orNull<T extends object>(map: T | undefined): T | null {
  return map === undefined || Object.keys(map).length === 0 ? null : map;
}

const UPDATE_NAMES = [
  ["Ignore", "ignore"],
  ["Place", "create"],
  ["Migrate", "migrate"],
  ["Stop", "destroy"],
  ["InPlaceUpdate", "in-place update"],
  ["DestructiveUpdate", "create/destroy update"],
  ["Canary", "canary"],
  ["Preemptions", "preemptions"],
] as const;

/** How many allocations each group's change means. */
function withUpdates(diff: ReturnType<typeof jobDiff>, { annotations }: Plan) {
  const TaskGroups = (diff.TaskGroups ?? []).map((group) => {
    const desired = annotations[group.Name];
    const counts = UPDATE_NAMES.flatMap(([field, name]) => {
      const count = desired?.[field] ?? 0;
      return count > 0 ? [[name, count]] : [];
    });
    const Updates: unknown = counts.length === 0 ? null : Object.fromEntries(counts);
    return { ...group, Updates };
  });
  return { ...diff, TaskGroups };
}

function nextLaunch(job: Job, nowMs: number): string {
  const next = nextLaunchMs(job, nowMs);
  return next === undefined ? NEVER : timeText(next * 1e6);
}
