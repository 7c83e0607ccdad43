import * as v from "valibot";
import { jsonBody } from "#base/http/body.ts";
import { route, type Reply, type Route } from "#base/http/route.ts";
import { optionalInteger, text } from "#base/protocol/schema.ts";
import { applyTag, removeTag, type Tagged } from "../server/job-tags.ts";
import type { NomadHttpDeps } from "./nomad-deps.ts";
import { namespaced, oneNamespace, orThrow, submitJob } from "./requests.ts";

const TagBody = v.object({ Version: optionalInteger, Description: text });

/** Names of versions. https://developer.hashicorp.com/nomad/api-docs/jobs#create-job-version-tag */
export function jobTagRoutes({ server }: NomadHttpDeps): Route[] {
  const at = { path: "/v1/job/+id/versions/:tag/tag", access: submitJob, query: v.object(namespaced) } as const;
  return [
    route({
      ...at,
      method: ["PUT", "POST"],
      summary: "Name a version of a job",
      body: jsonBody(TagBody, { whenEmpty: {} }),
      handle: async ({ params, query, body }) => {
        const job = { namespace: oneNamespace(query.namespace), id: params.id };
        const request = { name: params.tag, description: body.Description, version: body.Version ?? undefined };
        return tagged(orThrow(await applyTag(server.context, job, request)));
      },
    }),
    route({
      ...at,
      method: "DELETE",
      summary: "Take a version's name away",
      handle: async ({ params, query }) => {
        const job = { namespace: oneNamespace(query.namespace), id: params.id };
        return tagged(orThrow(await removeTag(server.context, job, params.tag)));
      },
    }),
  ];
}

function tagged({ tag, index }: Tagged): Reply {
  return { kind: "json", index, value: { ...tag, Index: index } };
}
