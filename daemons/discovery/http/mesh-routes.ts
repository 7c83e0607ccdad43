import { route, type Route } from "#base/http/route.ts";
import { serviceInPath } from "./consul-access.ts";

/** What is asked for by name, and has nobody: no service is part of a mesh here. */
const LISTS = [
  ["/v1/health/connect/:service", "Instances of a service that take part in a mesh: none"],
  ["/v1/health/ingress/:service", "Gateways into a mesh for a service: none"],
  ["/v1/catalog/connect/:service", "Instances of a service that take part in a mesh: none"],
  ["/v1/catalog/gateway-services/:service", "Services behind a gateway of a mesh: none"],
] as const;

/** Programs that ask for services of a mesh go on without any, as they do with a Consul that has none. */
export function meshRoutes(): Route[] {
  return LISTS.map(([path, summary]) =>
    route({
      method: "GET",
      path,
      summary,
      access: serviceInPath,
      tables: [],
      handle: () => ({ kind: "state", read: () => ({ index: 1, value: [] }) }),
    }),
  );
}
