import { fail, succeed, type Result } from "#base/env/errors.ts";
import type { Job } from "#base/protocol/job.ts";
import { childrenOf } from "./periodic.ts";
import type { JobAnswer, JobEndpoint } from "./job-endpoint.ts";
import type { ServerContext } from "./server-context.ts";
import { standingOf } from "./job-status.ts";

/** Largest payload, decoded. https://developer.hashicorp.com/nomad/docs/job-specification/dispatch_payload */
export const MAX_PAYLOAD_BYTES = 16 * 1024;

const MAX_PREFIX = 128;

export interface DispatchRequest {
  /** Base64; empty: none. */
  readonly payload: string;
  readonly meta: Readonly<Record<string, string>>;
  /** A request with the token of a dispatch that is not over gives that one again. */
  readonly idempotencyToken: string;
  /** Stands in the id after `dispatch-`; empty: nothing. */
  readonly idPrefix?: string;
}

export interface Dispatched extends JobAnswer {
  readonly jobId: string;
}

/** Makes a job of its own out of a parameterized one. */
export async function dispatch(
  { context, jobs }: { readonly context: ServerContext; readonly jobs: JobEndpoint },
  { namespace, id }: { readonly namespace: string; readonly id: string },
  request: DispatchRequest,
): Promise<Result<Dispatched>> {
  const { state, env } = context;
  const parent = state.job(namespace, id);
  if (parent === undefined) return fail("not_found", "parameterized job not found");
  const problem = problemOf(parent.value, request);
  if (problem !== undefined) return fail("bad_dispatch", problem);
  const { idempotencyToken } = request;
  const same = childrenOf(state, parent).find((child) => {
    const isSame = idempotencyToken !== "" && child.value.DispatchIdempotencyToken === idempotencyToken;
    return isSame && standingOf(state, child).status !== "dead";
  });
  if (same !== undefined) {
    return succeed({ jobId: same.id, evalId: "", index: same.modifyIndex, jobModifyIndex: same.modifyIndex });
  }
  const prefix = request.idPrefix === undefined || request.idPrefix === "" ? "" : `${request.idPrefix}-`;
  const ID = `${id}/dispatch-${prefix}${Math.floor(env.clock.nowMs() / 1000)}-${env.random.uuid().slice(0, 8)}`;
  const child: Job = {
    ...parent.value,
    ID,
    Name: ID,
    ParentID: id,
    Dispatched: true,
    Payload: request.payload === "" ? null : request.payload,
    Meta: { ...parent.value.Meta, ...request.meta },
    DispatchIdempotencyToken: idempotencyToken,
  };
  const answer = await jobs.register(child);
  return answer.ok ? succeed({ ...answer.value, jobId: ID }) : answer;
}

/** What the job does not allow. */
function problemOf(job: Job, { payload, meta, idPrefix = "" }: DispatchRequest): string | undefined {
  const rules = job.ParameterizedJob;
  if (rules === null || job.Dispatched) return "specified job is not parameterized";
  if (job.Stop) return "specified job is stopped";
  if (rules.Payload === "required" && payload === "")
    return "payload is not provided but required by parameterized job";
  if (rules.Payload === "forbidden" && payload !== "") return "payload provided but forbidden by parameterized job";
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(payload)) return "payload is not base64";
  if (idPrefix.length > MAX_PREFIX || /[\s\p{Cc}]/u.test(idPrefix))
    return `id prefix ${JSON.stringify(idPrefix)} is not valid`;
  const bytes = Math.floor((payload.replace(/=+$/, "").length * 3) / 4);
  if (bytes > MAX_PAYLOAD_BYTES) return `payload exceeds maximum size; ${bytes} > ${MAX_PAYLOAD_BYTES}`;
  const allowed = new Set([...rules.MetaRequired, ...rules.MetaOptional]);
  const unknown = Object.keys(meta).filter((key) => !allowed.has(key));
  if (unknown.length > 0) return `dispatch request included unpermitted metadata keys: ${unknown.join(", ")}`;
  const missing = rules.MetaRequired.filter((key) => !(key in meta));
  return missing.length === 0 ? undefined : `dispatch did not provide required meta keys: ${missing.join(", ")}`;
}
