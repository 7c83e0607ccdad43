import { bytesBody } from "#base/http/body.ts";
import { HttpError } from "#base/http/http-error.ts";
import { route, type Route } from "#base/http/route.ts";
import { readSnapshot } from "#base/state/snapshot/read-snapshot.ts";
import { restoreSnapshot } from "#base/state/snapshot/restore-snapshot.ts";
import { writeSnapshot } from "#base/state/snapshot/write-snapshot.ts";
import type { NomadHttpDeps } from "./nomad-deps.ts";
import { management } from "./requests.ts";

const MAX_SNAPSHOT_BYTES = 512 * 1024 * 1024;

/** All state of the cluster as one file. https://developer.hashicorp.com/nomad/api-docs/operator/snapshot */
export function snapshotRoutes({ server, agent }: NomadHttpDeps): Route[] {
  const { store, env, state } = server.context;
  const passphrase = agent.snapshotKey ?? "";
  return [
    route({
      method: "GET",
      path: "/v1/operator/snapshot",
      summary: "Save the state of the whole cluster",
      access: management,
      handle: () => ({
        kind: "stream",
        index: state.index,
        contentType: "application/x-gzip",
        headers: { "Content-Disposition": 'attachment; filename="cluster.snap"' },
        body: writeSnapshot(store, { env, passphrase }),
      }),
    }),
    route({
      method: ["PUT", "POST"],
      path: "/v1/operator/snapshot",
      summary: "Replace the state of the whole cluster by a snapshot",
      access: management,
      body: bytesBody(),
      maxBodyBytes: MAX_SNAPSHOT_BYTES,
      handle: async ({ body }) => {
        const read = readSnapshot(body, passphrase);
        if (!read.ok) {
          const { message, hint } = read.error;
          throw new HttpError(400, `nothing was restored: ${message}${hint === undefined ? "" : ` (${hint})`}`);
        }
        const { revision, written, deleted } = await restoreSnapshot(store, read.value);
        await state.view.reached(revision);
        env.log.warn("the state was replaced by a snapshot", {
          madeAt: new Date(read.value.header.createdMs).toISOString(),
          written,
          deleted,
        });
        return { kind: "empty", status: 200, index: revision };
      },
    }),
  ];
}
