import * as v from "valibot";
import { bytesBody, jsonBody } from "#base/http/body.ts";
import type { Access } from "#base/http/access.ts";
import { HttpError } from "#base/http/http-error.ts";
import { queryText } from "#base/http/query.ts";
import { route, type Reply, type Route } from "#base/http/route.ts";
import { text, textMap } from "#base/protocol/schema.ts";
import { jobs } from "#base/state/tables.ts";
import { dispatch, type DispatchRequest } from "../server/dispatch.ts";
import type { NomadHttpDeps } from "./nomad-deps.ts";
import { dispatchJob, namespaced, oneNamespace, orThrow, readJob, refuseIfClosed } from "./requests.ts";

const DispatchBody = v.object({
  JobID: text,
  Payload: text,
  Meta: textMap,
  IdPrefixTemplate: text,
});

interface Dispatching {
  readonly id: string;
  readonly namespace: string;
  readonly access: Access;
}

/** https://developer.hashicorp.com/nomad/api-docs/jobs#dispatch-job */
export function jobDispatchRoutes(deps: NomadHttpDeps): Route[] {
  // Clients send the one, the manual names the other.
  const query = v.object({ ...namespaced, idempotency_token: queryText, IdempotencyToken: queryText });
  const run = async (at: Dispatching, request: DispatchRequest): Promise<Reply> => {
    refuseIfClosed(deps, at.access);
    const { namespace, id } = at;
    const done = orThrow(await dispatch(deps.server, { namespace: oneNamespace(namespace), id }, request));
    const value = {
      DispatchedJobID: done.jobId,
      EvalID: done.evalId,
      EvalCreateIndex: done.evalId === "" ? 0 : done.index,
      JobCreateIndex: done.jobModifyIndex,
      Index: done.index,
    };
    return { kind: "json", index: done.index, value };
  };
  return [
    route({
      method: ["PUT", "POST"],
      path: "/v1/job/+id/dispatch",
      summary: "Run a parameterized job with a payload and metadata of its own",
      access: dispatchJob,
      query,
      body: jsonBody(DispatchBody, { whenEmpty: {} }),
      handle: ({ params, query, body, access }) =>
        run(
          { id: params.id, namespace: query.namespace, access },
          {
            payload: body.Payload,
            meta: body.Meta,
            idempotencyToken: query.idempotency_token || query.IdempotencyToken,
            idPrefix: body.IdPrefixTemplate,
          },
        ),
    }),
    route({
      method: ["PUT", "POST"],
      path: "/v1/job/+id/dispatch/payload",
      summary: "Run a parameterized job with the whole body as its payload",
      access: dispatchJob,
      query,
      body: bytesBody(),
      handle: ({ params, query, body, access }) =>
        run(
          { id: params.id, namespace: query.namespace, access },
          {
            payload: Buffer.from(body).toString("base64"),
            meta: {},
            idempotencyToken: query.idempotency_token || query.IdempotencyToken,
          },
        ),
    }),
    payloadRoute(deps),
  ];
}

/** What a dispatched job was given, in base64 as everywhere else. */
function payloadRoute({ server }: NomadHttpDeps): Route {
  const { state } = server.context;
  return route({
    method: "GET",
    path: "/v1/job/+id/dispatch/payload",
    summary: "Read what a dispatched job was given",
    access: readJob,
    query: v.object(namespaced),
    tables: [jobs],
    handle: ({ params, query }) => ({
      kind: "state",
      read: () => {
        const row = state.job(oneNamespace(query.namespace), params.id);
        if (row === undefined) return { index: state.index, value: undefined, missing: "job not found" };
        if (!row.value.Dispatched) throw new HttpError(400, `job "${params.id}" was not dispatched: it has no payload`);
        return { index: row.modifyIndex, value: { Payload: row.value.Payload ?? "" } };
      },
    }),
  });
}
