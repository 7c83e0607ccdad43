import * as v from "valibot";
import { HttpError } from "#base/http/http-error.ts";
import { route, type Route } from "#base/http/route.ts";
import { explainJob } from "../server/explain/explain.ts";
import type { NomadHttpDeps } from "./nomad-deps.ts";
import { namespaced, oneNamespace, readJob } from "./requests.ts";

/** Ours: no other scheduler's API has it. */
export function jobExplainRoutes({ server }: NomadHttpDeps): Route[] {
  const { state, env } = server.context;
  return [
    route({
      method: "GET",
      path: "/v1/job/+id/explain",
      summary: "Say why a job's allocations are where they are, and what keeps others from running",
      access: readJob,
      query: v.object(namespaced),
      handle: ({ params, query }) => {
        const row = state.job(oneNamespace(query.namespace), params.id);
        if (row === undefined) throw new HttpError(404, "job not found");
        const value = explainJob({ state, table: server.table, random: env.random }, row.value);
        return { kind: "json", index: state.index, value };
      },
    }),
  ];
}
