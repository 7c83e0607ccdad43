import * as v from "valibot";
import { demand } from "#base/http/access.ts";
import { jsonBody } from "#base/http/body.ts";
import { HttpError } from "#base/http/http-error.ts";
import { queryText } from "#base/http/query.ts";
import { route, type Method, type Reply, type Route } from "#base/http/route.ts";
import { HostVolumeSchema, type HostVolume } from "#base/protocol/host-volume.ts";
import type { Row } from "#base/state/table.ts";
import { hostVolumes, nodes, nodeStates, volumeClaims } from "#base/state/tables.ts";
import { volumeUsers } from "../server/volumes/volume-users.ts";
import { allocStub } from "./answers/alloc.ts";
import { claimAnswer, fixedVolumesOf, volumeAnswer } from "./answers/host-volume.ts";
import type { NomadHttpDeps } from "./nomad-deps.ts";
import { demanded, eachOf, idKey, namespaced, namespaceFilter, newestOf, orThrow, within } from "./requests.ts";
import { csiRoutes } from "./csi-routes.ts";

const access = (capability: string) => ({ kind: "capability", resource: "namespace", capability }) as const;
const TABLES = [hostVolumes, nodes, nodeStates];
const NOT_MADE = "volume not found; those of a node's configuration (client { host_volume }) are removed there";
const WRITES: readonly Method[] = ["PUT", "POST"];
/** Clients send the volume in a frame. */
const VolumeBody = v.object({ Volume: HostVolumeSchema });

/**
 * Host volumes: those of nodes' configurations, and those that are made here.
 * https://developer.hashicorp.com/nomad/api-docs/volumes
 */
export function volumeRoutes(deps: NomadHttpDeps): Route[] {
  return [...volumeReads(deps), ...volumeWrites(deps), ...claimRoutes(deps), ...csiRoutes()];
}

function volumeReads({ server }: NomadHttpDeps): Route[] {
  const { state } = server.context;
  const { view } = state;
  const listed = (namespace: string | undefined) => [
    ...(namespace === undefined || namespace === "default" ? [...view.table(nodes).list()] : []).flatMap(
      fixedVolumesOf,
    ),
    ...[...view.table(hostVolumes).list(namespace)].map((row) => volumeAnswer(state, row)),
  ];
  return [
    route({
      method: "GET",
      path: "/v1/volumes",
      summary: "List volumes: with type=host those of nodes and those that were made",
      access: eachOf({ ...access("csi-list-volume"), or: "host-volume-read" }),
      query: v.object({ ...namespaced, type: queryText, node_id: queryText, node_pool: queryText, prefix: queryText }),
      tables: TABLES,
      filter: "items",
      pageKey: idKey,
      handle: ({ query }) => ({
        kind: "state",
        read: () => {
          const found = query.type === "host" ? listed(namespaceFilter(query.namespace)) : [];
          const value = found
            .filter(
              (volume) =>
                volume.NodeID.startsWith(query.node_id) &&
                (query.node_pool === "" || volume.NodePool === query.node_pool) &&
                (volume.ID.startsWith(query.prefix) || volume.Name.startsWith(query.prefix)),
            )
            .toSorted((a, b) => (a.ID < b.ID ? -1 : 1));
          return { index: newestOf(state, TABLES), value };
        },
      }),
    }),
    route({
      method: "GET",
      path: "/v1/volume/host/:id",
      summary: "Read a host volume, with the allocations that use it",
      access: within(access("host-volume-read"), (id) => server.volumes.findById(id)),
      tables: TABLES,
      handle: ({ params }) => ({
        kind: "state",
        read: () => {
          const row = server.volumes.findById(params.id);
          const fixed = row === undefined ? listed("default").find(({ ID }) => ID === params.id) : undefined;
          const users = row === undefined ? [] : volumeUsers(state, row.value);
          const found = row === undefined ? fixed : volumeAnswer(state, row);
          const value = found && { ...found, Allocations: users.map((known) => allocStub(state, known)) };
          return { index: newestOf(state, TABLES), value, missing: "volume not found" };
        },
      }),
    }),
  ];
}

function volumeWrites({ server }: NomadHttpDeps): Route[] {
  const { volumes, context } = server;
  const answer = (row: Row<HostVolume>): Reply => {
    const Volume = volumeAnswer(context.state, row);
    return { kind: "json", value: { Volume, Warnings: Volume.Error }, index: row.modifyIndex };
  };
  const namespaceOf = (volume: HostVolume, asked: string): string =>
    asked === "" || volume.Namespace !== "default" ? volume.Namespace : asked;
  const query = v.object({ namespace: queryText });
  const writing = { method: WRITES, query, body: jsonBody(VolumeBody) } as const;
  const removal = (path: string): Route =>
    route({
      method: "DELETE",
      path,
      summary: "Delete a host volume and what is in it",
      access: within(access("host-volume-delete"), (id) => volumes.findById(id)),
      query: v.object({ ...namespaced, force: queryText }),
      handle: async ({ params, query: { force } }) => {
        const row = volumes.findById(params["id"] ?? "");
        if (row === undefined) throw new HttpError(404, NOT_MADE);
        const index = orThrow(await volumes.remove(row, { force: force === "true" || force === "1" }));
        return { kind: "json", value: { VolumeIDs: [row.id] }, index };
      },
    });
  return (["create", "register"] as const)
    .map((verb): Route =>
      route({
        ...writing,
        path: `/v1/volume/host/${verb}`,
        summary: verb === "create" ? "Make a host volume, or change it" : "Make known a host volume that is there",
        access: demanded(access(`host-volume-${verb}`)),
        handle: async ({ body, query: asked, access: mine }) => {
          const wanted = { ...body.Volume, Namespace: namespaceOf(body.Volume, asked.namespace) };
          demand(mine, { resource: "namespace", capability: `host-volume-${verb}`, name: wanted.Namespace });
          return answer(orThrow(await volumes[verb](wanted)));
        },
      }),
    )
    .concat([removal("/v1/volume/host/:id"), removal("/v1/volume/host/:id/delete")]);
}

function claimRoutes({ server }: NomadHttpDeps): Route[] {
  const table = server.context.state.view.table(volumeClaims);
  const claimOf = (id: string): Row<unknown> | undefined => [...table.list()].find((row) => row.id === id);
  return [
    route({
      method: "GET",
      path: "/v1/volumes/claims",
      summary: "List which jobs keep to which volumes",
      access: eachOf(access("host-volume-read")),
      query: v.object({
        ...namespaced,
        job_id: queryText,
        task_group: queryText,
        volume_name: queryText,
        prefix: queryText,
      }),
      tables: [volumeClaims],
      filter: "items",
      pageKey: idKey,
      handle: ({ query }) => ({
        kind: "state",
        read: () => {
          const value = [...table.list(namespaceFilter(query.namespace), query.prefix)]
            .map(claimAnswer)
            .filter(
              (claim) =>
                (query.job_id === "" || claim.JobID === query.job_id) &&
                (query.task_group === "" || claim.TaskGroupName === query.task_group) &&
                (query.volume_name === "" || claim.VolumeName === query.volume_name),
            );
          return { index: table.lastIndex, value };
        },
      }),
    }),
    route({
      method: "DELETE",
      path: "/v1/volumes/claim/:id",
      summary: "Let go of a volume that a job keeps to",
      access: within(access("host-volume-delete"), claimOf),
      handle: async ({ params }) => {
        const namespace = claimOf(params.id)?.namespace ?? "default";
        return { kind: "json", value: {}, index: orThrow(await server.volumes.removeClaim(namespace, params.id)) };
      },
    }),
  ];
}
