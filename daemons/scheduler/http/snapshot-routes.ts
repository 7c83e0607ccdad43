import * as v from "valibot";
import { bytesBody } from "#base/http/body.ts";
import { HttpError } from "#base/http/http-error.ts";
import { queryFlag } from "#base/http/query.ts";
import { route, type Route } from "#base/http/route.ts";
import type { NomadHttpDeps } from "./nomad-deps.ts";
import { management, saveSnapshot } from "./requests.ts";

const MAX_SNAPSHOT_BYTES = 512 * 1024 * 1024;

/** All state of the cluster as one file. https://developer.hashicorp.com/nomad/api-docs/operator/snapshot */
export function snapshotRoutes({ server, agent: { snapshots } }: NomadHttpDeps): Route[] {
  if (snapshots === undefined) return [];
  return [
    route({
      method: "GET",
      path: "/v1/operator/snapshot",
      summary: "Save the state of the whole cluster",
      access: saveSnapshot,
      query: v.object({ redact: queryFlag }),
      handle: ({ query: { redact } }) => ({
        kind: "stream",
        index: server.context.state.index,
        contentType: "application/x-gzip",
        headers: { "Content-Disposition": 'attachment; filename="cluster.snap"' },
        body: snapshots.save({ redact }),
      }),
    }),
    route({
      method: ["PUT", "POST"],
      path: "/v1/operator/snapshot",
      summary: "Replace the state of the whole cluster by a snapshot",
      access: management,
      query: v.object({ force: queryFlag }),
      body: bytesBody(),
      maxBodyBytes: MAX_SNAPSHOT_BYTES,
      handle: async ({ body, query: { force } }) => {
        const restored = await snapshots.restore(body, { force });
        if (restored.ok) return { kind: "empty", status: 200, index: restored.value.revision };
        const { message, hint } = restored.error;
        throw new HttpError(400, `nothing was restored: ${message}${hint === undefined ? "" : ` (${hint})`}`);
      },
    }),
  ];
}
