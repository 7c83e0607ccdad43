import { bytesBody } from "#base/http/body.ts";
import { HttpError } from "#base/http/http-error.ts";
import { route, type Route } from "#base/http/route.ts";
import { capability, type ConsulDeps } from "./consul-deps.ts";

const MAX_SNAPSHOT_BYTES = 512 * 1024 * 1024;

/** The same file as at the scheduler's API: one for the whole cluster. https://developer.hashicorp.com/consul/api-docs/snapshot */
export function snapshotRoutes({ view, surroundings: { snapshots } }: ConsulDeps): Route[] {
  if (snapshots === undefined) return [];
  const common = { path: "/v1/snapshot", access: capability("management", "write") } as const;
  return [
    route({
      ...common,
      method: "GET",
      summary: "Save the state of the whole cluster",
      handle: () => ({
        kind: "stream",
        contentType: "application/x-gzip",
        index: view.index,
        body: snapshots.save(),
      }),
    }),
    route({
      ...common,
      method: "PUT",
      summary: "Replace the state of the whole cluster by a snapshot",
      body: bytesBody(),
      maxBodyBytes: MAX_SNAPSHOT_BYTES,
      handle: async ({ body }) => {
        const restored = await snapshots.restore(body);
        if (!restored.ok) throw new HttpError(400, `nothing was restored: ${restored.error.message}`);
        return { kind: "empty", status: 200, index: restored.value.revision };
      },
    }),
  ];
}
