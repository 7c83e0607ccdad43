import { CodedError } from "#base/env/errors.ts";
import { HttpError } from "#base/http/http-error.ts";
import type { Route } from "#base/http/route.ts";
import { aclRoutes } from "./acl/acl-routes.ts";
import { alertRoutes } from "./alert-routes.ts";
import { agentCheckRoutes } from "./agent-check-routes.ts";
import { agentHealthRoutes } from "./agent-health-routes.ts";
import { agentRoutes } from "./agent-routes.ts";
import { agentServiceRoutes } from "./agent-service-routes.ts";
import { catalogRoutes } from "./catalog-routes.ts";
import type { ConsulDeps } from "./consul-deps.ts";
import { eventRoutes } from "./event-routes.ts";
import { memberRoutes } from "./member-routes.ts";
import { coordinateRoutes } from "./coordinate-routes.ts";
import { gossipKeyRoutes } from "./gossip-key-routes.ts";
import { healthRoutes } from "./health-routes.ts";
import { kvRoutes } from "./kv-routes.ts";
import { meshRoutes } from "./mesh-routes.ts";
import { operatorRoutes } from "./operator-routes.ts";
import { queryRoutes } from "./query-routes.ts";
import { sessionRoutes } from "./session-routes.ts";
import { snapshotRoutes } from "./snapshot-routes.ts";
import { statusRoutes } from "./status-routes.ts";
import { txnRoutes } from "./txn-routes.ts";
import { uiRoutes } from "./ui-routes.ts";

/** Consul's HTTP API (https://developer.hashicorp.com/consul/api-docs), for the kit with its Consul dialect. */
export function consulRoutes(deps: ConsulDeps): Route[] {
  return allRoutes(deps).map((each) => guarded(each, deps.config.datacenter));
}

/**
 * Refuses whoever names another datacenter (`dc`), as there is one, and names that show as something else than they are:
 * with them somebody could be led to change the wrong key (Consul's filter of unprintable characters).
 */
function guarded(route: Route, own: string): Route {
  return {
    ...route,
    handle(request) {
      if (request.path.includes("%") && Object.values(request.params).some((name) => UNPRINTABLE.test(name)))
        throw new HttpError(400, "Invalid URL path: it holds characters that cannot be printed");
      const wanted = request.rawQuery.get("dc")?.[0] ?? "";
      if (wanted === "" || wanted === own) return route.handle(request);
      throw new HttpError(
        500,
        `No path to datacenter ${JSON.stringify(wanted)}: this cluster is ${JSON.stringify(own)}`,
      );
    },
  };
}

/** Go's `unicode.IsPrint` the other way round: controls, formats, what is no character, and all space but the plain one. */
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/u;

function allRoutes(deps: ConsulDeps): Route[] {
  return [
    ...kvRoutes(deps),
    ...meshRoutes(),
    ...txnRoutes(deps),
    ...sessionRoutes(deps),
    ...catalogRoutes(deps),
    ...healthRoutes(deps),
    ...agentRoutes(deps),
    ...memberRoutes(deps),
    ...eventRoutes(deps),
    ...coordinateRoutes(deps),
    ...gossipKeyRoutes(deps),
    ...agentServiceRoutes(deps),
    ...agentCheckRoutes(deps),
    ...agentHealthRoutes(deps),
    ...queryRoutes(deps),
    ...operatorRoutes(deps),
    ...uiRoutes(deps),
    ...alertRoutes(deps),
    ...statusRoutes(deps),
    ...aclRoutes(deps),
    ...snapshotRoutes(deps),
  ];
}

/** What the rooms beside this one refuse, as the API answers it. For the kit's `explain`. */
export function explainConsul(thrown: unknown): HttpError | undefined {
  if (!(thrown instanceof CodedError)) return undefined;
  const status = STATUS[thrown.code];
  if (status === undefined) return undefined;
  return new HttpError(status, thrown.hint === undefined ? thrown.message : `${thrown.message}; ${thrown.hint}`);
}

const STATUS: Readonly<Record<string, number>> = {
  invalid_service: 400,
  invalid_check: 400,
  invalid_definition: 400,
  invalid_registration: 400,
  invalid_session: 400,
  invalid_query: 400,
  too_many: 429,
  unknown_service: 400,
  unknown_alert: 404,
  unknown_node: 500,
  failed_check: 500,
  unknown_session: 500,
  contended: 503,
};
