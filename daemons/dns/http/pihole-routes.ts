import { route, type Route } from "#base/http/route.ts";
import { prometheusText } from "../statistics/prometheus.ts";
import { actionRoutes } from "./action-routes.ts";
import type { ApiDeps } from "./api-deps.ts";
import { archiveRoutes } from "./archive/archive-routes.ts";
import { authRoutes } from "./auth-routes.ts";
import { blockingRoutes } from "./blocking-routes.ts";
import { clientRoutes } from "./client-routes.ts";
import { configRoutes } from "./config/config-routes.ts";
import { dhcpRoutes } from "./dhcp-routes.ts";
import { domainRoutes } from "./domain-routes.ts";
import { groupRoutes } from "./group-routes.ts";
import { historyRoutes } from "./history-routes.ts";
import { infoRoutes } from "./info-routes.ts";
import { listRoutes } from "./list-routes.ts";
import { logRoutes } from "./log-routes.ts";
import { networkRoutes } from "./network-routes.ts";
import { paddRoutes } from "./padd-routes.ts";
import { queryRoutes } from "./query-routes.ts";
import { searchRoutes } from "./search-routes.ts";
import { statsDatabaseRoutes } from "./stats-database-routes.ts";
import { statsRoutes } from "./stats-routes.ts";

/** The whole API. */
export function piholeRoutes(deps: ApiDeps): Route[] {
  const rows: Route[] = [
    ...authRoutes(deps),
    ...blockingRoutes(deps),
    ...statsRoutes(deps),
    ...statsDatabaseRoutes(deps),
    ...historyRoutes(deps),
    ...queryRoutes(deps),
    ...domainRoutes(deps),
    ...groupRoutes(deps),
    ...clientRoutes(deps),
    ...listRoutes(deps),
    ...searchRoutes(deps),
    ...configRoutes(deps),
    ...archiveRoutes(deps),
    ...networkRoutes(deps),
    ...dhcpRoutes(deps),
    ...actionRoutes(deps),
    ...logRoutes(deps),
    ...paddRoutes(deps),
    ...infoRoutes(deps, () => rows),
    metricsRoute(deps),
  ];
  return rows;
}

/** Counts alone, no names and no clients: open to whoever scrapes. */
function metricsRoute({ statistics, dns, log }: ApiDeps): Route {
  return route({
    method: "GET",
    path: "/metrics",
    summary: "For Prometheus",
    access: { kind: "public" },
    handle: () => {
      const { blockedNames, isBlocking, cachedReplies } = dns.status();
      const body = prometheusText(statistics, {
        blockedNames,
        isBlocking,
        cachedReplies,
        unwrittenQueries: log.unwritten,
      });
      return { kind: "bytes", body, contentType: "text/plain; version=0.0.4; charset=utf-8" };
    },
  });
}
