import { bytesBody } from "#base/http/body.ts";
import { HttpError } from "#base/http/http-error.ts";
import { route, type Route } from "#base/http/route.ts";
import { readSnapshot } from "#base/state/snapshot/read-snapshot.ts";
import { restoreSnapshot } from "#base/state/snapshot/restore-snapshot.ts";
import { writeSnapshot } from "#base/state/snapshot/write-snapshot.ts";
import { capability, ownDatacenter, type ConsulDeps } from "./consul-deps.ts";

const MAX_SNAPSHOT_BYTES = 512 * 1024 * 1024;

/** The same file as at the scheduler's API: one for the whole cluster. https://developer.hashicorp.com/consul/api-docs/snapshot */
export function snapshotRoutes({ store, env, view, config, surroundings }: ConsulDeps): Route[] {
  const passphrase = surroundings.snapshotKey ?? "";
  const common = { path: "/v1/snapshot", access: capability("management", "write") } as const;
  return [
    route({
      ...common,
      method: "GET",
      summary: "Save the state of the whole cluster",
      handle: ({ rawQuery }) => {
        ownDatacenter(config, rawQuery);
        const body = writeSnapshot(store, { env, passphrase });
        return { kind: "stream", contentType: "application/x-gzip", index: view.index, body };
      },
    }),
    route({
      ...common,
      method: "PUT",
      summary: "Replace the state of the whole cluster by a snapshot",
      body: bytesBody(),
      maxBodyBytes: MAX_SNAPSHOT_BYTES,
      handle: async ({ body, rawQuery }) => {
        ownDatacenter(config, rawQuery);
        const read = readSnapshot(body, passphrase);
        if (!read.ok) throw new HttpError(400, `nothing was restored: ${read.error.message}`);
        const { revision } = await restoreSnapshot(store, read.value);
        await view.reached(revision);
        return { kind: "empty", status: 200, index: revision };
      },
    }),
  ];
}
