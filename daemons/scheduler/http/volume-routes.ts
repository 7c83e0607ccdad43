import * as v from "valibot";
import { HttpError } from "#base/http/http-error.ts";
import { queryText } from "#base/http/query.ts";
import { route, type Method, type Route } from "#base/http/route.ts";
import { nodes, nodeStates } from "#base/state/tables.ts";
import { volumesOf } from "./answers/host-volume.ts";
import type { NomadHttpDeps } from "./nomad-deps.ts";
import { eachOf, idKey, namespaced } from "./requests.ts";

const access = (capability: string) => ({ kind: "capability", resource: "namespace", capability }) as const;
const plugin = (capability: string) => ({ kind: "capability", resource: "plugin", capability }) as const;
const NO_CSI = "CSI volumes are not available: use host volumes, which nodes offer in client { host_volume }";
const NO_DYNAMIC = "host volumes come from the configuration of nodes (client { host_volume }); they are not made here";
const TABLES = [nodes, nodeStates];

/** What nodes offer; the cluster keeps no volumes of its own. https://developer.hashicorp.com/nomad/api-docs/volumes */
export function volumeRoutes({ server }: NomadHttpDeps): Route[] {
  const { state } = server.context;
  const table = state.view.table(nodes);
  const hostVolumes = () => [...table.list()].flatMap(volumesOf).toSorted((a, b) => (a.ID < b.ID ? -1 : 1));
  return [
    route({
      method: "GET",
      path: "/v1/volumes",
      summary: "List volumes: with type=host those that nodes offer",
      access: eachOf({ ...access("csi-list-volume"), or: "host-volume-read" }),
      query: v.object({ ...namespaced, type: queryText, node_id: queryText, node_pool: queryText, prefix: queryText }),
      tables: TABLES,
      filter: "items",
      pageKey: idKey,
      handle: ({ query }) => ({
        kind: "state",
        read: () => {
          const found = query.type === "host" ? hostVolumes() : [];
          const value = found.filter(
            (volume) =>
              volume.NodeID.startsWith(query.node_id) &&
              (query.node_pool === "" || volume.NodePool === query.node_pool) &&
              (volume.ID.startsWith(query.prefix) || volume.Name.startsWith(query.prefix)),
          );
          return { index: table.lastIndex, value };
        },
      }),
    }),
    route({
      method: "GET",
      path: "/v1/volume/host/:id",
      summary: "Read a volume that a node offers",
      access: access("host-volume-read"),
      tables: TABLES,
      handle: ({ params }) => ({
        kind: "state",
        read: () => ({
          index: table.lastIndex,
          value: hostVolumes().find(({ ID }) => ID === params.id),
          missing: "volume not found",
        }),
      }),
    }),
    ...emptyRoutes(),
    ...refusals(),
  ];
}

/** Kinds of things there are none of. */
function emptyRoutes(): Route[] {
  const none = { kind: "state", read: () => ({ index: 1, value: [] }) } as const;
  const lists = [
    ["/v1/plugins", plugin("list")],
    ["/v1/volumes/claims", access("host-volume-read")],
  ] as const;
  const things = [
    ["/v1/plugin/csi/:id", "plugin not found", plugin("read")],
    ["/v1/volume/csi/:id", "volume not found", access("csi-read-volume")],
  ] as const;
  return [
    ...lists.map(([path, rule]) =>
      route({
        method: "GET",
        path,
        summary: "List what only CSI plugins would make: nothing",
        access: rule,
        tables: [],
        handle: () => none,
      }),
    ),
    ...things.map(([path, missing, rule]) =>
      route({
        method: "GET",
        path,
        summary: "Read what only CSI plugins would make: 404",
        access: rule,
        tables: [],
        handle: () => ({ kind: "state", read: () => ({ index: 1, value: undefined, missing }) }),
      }),
    ),
  ];
}

function refusals(): Route[] {
  const refuse = (
    path: string,
    { method, text }: { readonly method: Method | readonly Method[]; readonly text: string },
  ): Route =>
    route({
      method,
      path,
      summary: "Not available: answers 501",
      access: access(text === NO_CSI ? "csi-write-volume" : "host-volume-write"),
      handle: () => {
        throw new HttpError(501, text);
      },
    });
  const writes: readonly Method[] = ["PUT", "POST", "DELETE"];
  return [
    refuse("/v1/volume/csi/:id", { method: writes, text: NO_CSI }),
    refuse("/v1/volume/csi/:id/:operation", { method: writes, text: NO_CSI }),
    refuse("/v1/volumes/external", { method: "GET", text: NO_CSI }),
    refuse("/v1/volumes/snapshot", { method: ["GET", ...writes], text: NO_CSI }),
    refuse("/v1/volumes/claim/:id", { method: "DELETE", text: NO_DYNAMIC }),
    refuse("/v1/volume/host", { method: writes, text: NO_DYNAMIC }),
    refuse("/v1/volume/host/:id", { method: writes, text: NO_DYNAMIC }),
  ];
}
