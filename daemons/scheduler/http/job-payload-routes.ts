import * as v from "valibot";
import { HttpError } from "#base/http/http-error.ts";
import { route, type Route } from "#base/http/route.ts";
import { jobs } from "#base/state/tables.ts";
import type { NomadHttpDeps } from "./nomad-deps.ts";
import { namespaced, oneNamespace, readJob } from "./requests.ts";

/** What a dispatched job was given, in base64 as everywhere else. */
export function jobPayloadRoutes({ server }: NomadHttpDeps): Route[] {
  const { state } = server.context;
  return [
    route({
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
          if (!row.value.Dispatched)
            throw new HttpError(400, `job "${params.id}" was not dispatched: it has no payload`);
          return { index: row.modifyIndex, value: { Payload: row.value.Payload ?? "" } };
        },
      }),
    }),
  ];
}
