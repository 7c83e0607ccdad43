import type { Route } from "#base/http/route.ts";
import { clientAllocRoutes } from "./alloc-routes.ts";
import { checkRoutes } from "./check-routes.ts";
import type { ClientHttpDeps } from "./client-deps.ts";
import { execRoutes } from "./exec-routes.ts";
import { fsRoutes } from "./fs-routes.ts";
import { logRoutes } from "./log-routes.ts";
import { clientNodeRoutes } from "./node-routes.ts";

/** What this node answers about itself and its allocations. https://developer.hashicorp.com/nomad/api-docs/client */
export function clientRoutes(deps: ClientHttpDeps): Route[] {
  return [
    ...logRoutes(deps),
    ...fsRoutes(deps),
    ...clientAllocRoutes(deps),
    ...execRoutes(deps),
    ...checkRoutes(deps),
    ...clientNodeRoutes(deps),
  ];
}
