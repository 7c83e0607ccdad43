import { route } from "#base/http/route.ts";
import type { Route } from "#base/http/route.ts";
import { clientAllocRoutes } from "./alloc-routes.ts";
import { checkRoutes } from "./check-routes.ts";
import { readNode, writeNode } from "./client-deps.ts";
import type { ClientHttpDeps } from "./client-deps.ts";
import { fsRoutes } from "./fs-routes.ts";
import { createHostStats } from "./host-stats.ts";
import { logRoutes } from "./log-routes.ts";

/** What this node answers about itself and its allocations. https://developer.hashicorp.com/nomad/api-docs/client */
export function clientRoutes(deps: ClientHttpDeps): Route[] {
  const stats = createHostStats(deps.env, deps.client.allocsRoot);
  return [
    ...logRoutes(deps),
    ...fsRoutes(deps),
    ...clientAllocRoutes(deps),
    ...checkRoutes(deps),
    route({
      method: "GET",
      path: "/v1/client/stats",
      summary: "Measures this machine",
      access: readNode,
      handle: async () => ({ kind: "json", value: await stats() }),
    }),
    route({
      method: ["PUT", "POST", "GET"],
      path: "/v1/client/gc",
      summary: "Removes the folders of ended allocations",
      access: writeNode,
      async handle() {
        await deps.client.collectGarbage();
        return { kind: "json", value: {} };
      },
    }),
  ];
}
