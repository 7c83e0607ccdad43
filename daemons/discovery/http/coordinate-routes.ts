import * as v from "valibot";
import { jsonBody } from "#base/http/body.ts";
import { HttpError } from "#base/http/http-error.ts";
import { route, type Route } from "#base/http/route.ts";
import { GLOBAL } from "#base/protocol/keys.ts";
import { catalogNodes } from "#base/state/tables.ts";
import { isUsable } from "../serf/core/coordinate.ts";
import { nodeInPath, nodeList, inBody } from "./consul-access.ts";
import { demand } from "#base/http/access.ts";
import type { ConsulDeps } from "./consul-deps.ts";
import { knownServers } from "./known-servers.ts";

const CoordinateSchema = v.object({
  Vec: v.array(v.number()),
  Error: v.number(),
  Adjustment: v.number(),
  Height: v.number(),
});
const UpdateSchema = v.object({ Node: v.string(), Segment: v.nullish(v.string(), ""), Coord: CoordinateSchema });

/** Where nodes are in the space of round trips. https://developer.hashicorp.com/consul/api-docs/coordinate */
export function coordinateRoutes(deps: ConsulDeps): Route[] {
  const { view, config, coordinates } = deps;
  const answer = (node: string) => {
    const Coord = coordinates.of(node);
    return Coord === undefined ? [] : [{ Node: node, Segment: "", Coord }];
  };
  const index = (): number => view.table(catalogNodes).lastIndex;
  return [
    route({
      method: "GET",
      path: "/v1/coordinate/datacenters",
      summary: "Network coordinates of the servers of each datacenter",
      access: { kind: "public" },
      handle: () => {
        const Coordinates = knownServers(deps).flatMap(({ name }) => answer(name));
        return { kind: "json", value: [{ Datacenter: config.datacenter, AreaID: "lan", Coordinates }] };
      },
    }),
    route({
      method: "GET",
      path: "/v1/coordinate/nodes",
      summary: "Network coordinates of the nodes",
      access: nodeList(),
      tables: [catalogNodes],
      filter: "items",
      handle: () => ({
        kind: "state",
        read: () => {
          const nodes = [...view.table(catalogNodes).list(GLOBAL)];
          return { index: index(), value: nodes.flatMap(({ value }) => answer(value.Node)) };
        },
      }),
    }),
    route({
      method: "GET",
      path: "/v1/coordinate/node/:node",
      summary: "Network coordinates of a node",
      access: nodeInPath,
      tables: [catalogNodes],
      handle: ({ params: { node } }) => ({
        kind: "state",
        read: () => {
          const known = view.table(catalogNodes).get(GLOBAL, node) !== undefined;
          return { index: index(), value: known ? answer(node) : undefined, missing: "" };
        },
      }),
    }),
    updateRoute(deps),
  ];
}

function updateRoute({ view, coordinates }: ConsulDeps): Route {
  return route({
    method: "PUT",
    path: "/v1/coordinate/update",
    summary: "Sets the coordinate of a node",
    access: inBody("node-name", "write"),
    body: jsonBody(UpdateSchema),
    handle({ body, access }) {
      demand(access, { resource: "node-name", capability: "write", name: body.Node });
      if (!isUsable(body.Coord)) throw new HttpError(400, "Coord is none: expected 8 finite numbers in Vec");
      if (view.table(catalogNodes).get(GLOBAL, body.Node) === undefined)
        throw new HttpError(400, `there is no node ${JSON.stringify(body.Node)}`);
      if (!coordinates.set(body.Node, body.Coord)) throw new HttpError(500, "too many coordinates are set already");
      return { kind: "empty", status: 200 };
    },
  });
}
