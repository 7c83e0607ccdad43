import * as v from "valibot";
import { HttpError } from "#base/http/http-error.ts";
import { queryText } from "#base/http/query.ts";
import { route, type Route } from "#base/http/route.ts";
import { noFirmware, resetRoute, type ResetRouteDeps } from "./reset-route.ts";

/** What this node says of its firmware and takes from whoever manages it, among the routes of Nomad's API; with `node_id` another one is asked. */
export function firmwareRoutes(deps: ResetRouteDeps): Route[] {
  const { firmware } = deps;
  return [
    route({
      method: "GET",
      path: "/v1/client/firmware",
      summary: "How a node's firmware stands: version, slot, its last update, its troubles",
      access: { kind: "capability", resource: "node", capability: "read" },
      query: v.object({ node_id: queryText }),
      handle: async () => {
        if (firmware === undefined) throw new HttpError(404, noFirmware);
        return { kind: "json", value: await firmware.state() };
      },
    }),
    resetRoute(deps),
  ];
}
