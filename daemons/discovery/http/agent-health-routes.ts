import * as v from "valibot";
import { queryText } from "#base/http/query.ts";
import { route, type Reply, type Route } from "#base/http/route.ts";
import type { CheckStatus } from "#base/protocol/catalog.ts";
import { worstStatus } from "../checks/threshold.ts";
import { maintenanceId } from "../local/maintenance.ts";
import { localService, serviceInPath } from "./consul-access.ts";
import type { ConsulDeps } from "./consul-deps.ts";
import { agentServiceShape } from "./shapes.ts";

type Aggregate = CheckStatus | "maintenance";

/** So that load balancers need not read the body. */
const HTTP_STATUS: Readonly<Record<Aggregate, number>> = {
  passing: 200,
  warning: 429,
  critical: 503,
  maintenance: 503,
};

/** https://developer.hashicorp.com/consul/api-docs/agent/service#get-local-service-health */
export function agentHealthRoutes(deps: ConsulDeps): Route[] {
  const { agent } = deps;
  const query = v.object({ format: queryText });
  return [
    route({
      method: "GET",
      path: "/v1/agent/health/service/id/:id",
      summary: "The health of a service of this agent, as the status code too",
      access: localService(deps, "read"),
      query,
      handle({ params: { id }, query: { format } }) {
        const found = describe(deps, id);
        if (found === undefined) return notFound(`ServiceId ${id} not found`, format);
        return reply(found.AggregatedStatus, format, found);
      },
    }),
    route({
      method: "GET",
      path: "/v1/agent/health/service/name/:name",
      summary: "The health of all instances of a service on this agent",
      access: serviceInPath,
      query,
      handle({ params: { name }, query: { format } }) {
        const ids = [...agent.state.services].filter(([, { row }]) => row.Service === name).map(([id]) => id);
        const found = ids.flatMap((id) => describe(deps, id) ?? []);
        if (found.length === 0) return notFound("[]", format);
        return reply(worstAggregate(found.map((one) => one.AggregatedStatus)), format, found);
      },
    }),
  ];
}

function describe({ agent, config }: ConsulDeps, id: string) {
  const service = agent.state.services.get(id);
  if (service === undefined) return undefined;
  const checkIds = [...agent.state.checksOf(""), ...agent.state.checksOf(id)];
  const checks = checkIds.flatMap((check) => agent.state.checkRow(check) ?? []);
  const maintained = checkIds.includes(maintenanceId("")) || checkIds.includes(maintenanceId(id));
  const AggregatedStatus: Aggregate = maintained ? "maintenance" : worstStatus(checks.map((check) => check.Status));
  return { AggregatedStatus, Service: agentServiceShape(service.row, config.datacenter), Checks: checks };
}

function worstAggregate(statuses: readonly Aggregate[]): Aggregate {
  return statuses.includes("maintenance")
    ? "maintenance"
    : worstStatus(statuses.filter((status) => status !== "maintenance"));
}

function reply(aggregate: Aggregate, format: string, value: unknown): Reply {
  const status = HTTP_STATUS[aggregate];
  if (format === "text") return { kind: "bytes", status, body: aggregate, contentType: "text/plain; charset=utf-8" };
  return { kind: "json", status, value };
}

function notFound(text: string, format: string): Reply {
  const contentType = format === "text" ? "text/plain; charset=utf-8" : "application/json";
  return { kind: "bytes", status: 404, body: format === "text" ? "critical" : text, contentType };
}
