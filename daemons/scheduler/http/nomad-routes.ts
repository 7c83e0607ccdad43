import type { Route } from "#base/http/route.ts";
import { actionRoutes } from "./action-routes.ts";
import { aclRoutes } from "./acl/acl-routes.ts";
import { agentRoutes } from "./agent-routes.ts";
import { agentKeyringRoutes } from "./agent-keyring-routes.ts";
import { agentMemberRoutes } from "./agent-member-routes.ts";
import { agentOperationRoutes } from "./agent-operation-routes.ts";
import { autopilotRoutes } from "./autopilot-routes.ts";
import { enterpriseRoutes } from "./enterprise-routes.ts";
import { raftRoutes } from "./raft-routes.ts";
import { snapshotRoutes } from "./snapshot-routes.ts";
import { stateRoutes } from "./state-routes.ts";
import { volumeRoutes } from "./volume-routes.ts";
import { allocRoutes } from "./alloc-routes.ts";
import { deploymentRoutes } from "./deployment-routes.ts";
import { evalRoutes } from "./eval-routes.ts";
import { eventRoutes } from "./event-routes.ts";
import { jobPlanRoutes } from "./job-plan-routes.ts";
import { jobHistoryRoutes } from "./job-history-routes.ts";
import { jobReadRoutes } from "./job-read-routes.ts";
import { jobDispatchRoutes } from "./job-dispatch-routes.ts";
import { jobExplainRoutes } from "./job-explain-routes.ts";
import { jobRelatedRoutes } from "./job-related-routes.ts";
import { jobStatusesRoutes } from "./job-statuses-routes.ts";
import { jobTagRoutes } from "./job-tag-routes.ts";
import { jobWriteRoutes } from "./job-write-routes.ts";
import { serverGauges } from "../server/server-gauges.ts";
import { metricsRoutes } from "./metrics-routes.ts";
import { namespaceRoutes } from "./namespace-routes.ts";
import { nodePoolRoutes } from "./node-pool-routes.ts";
import { nodeRoutes } from "./node-routes.ts";
import type { NomadHttpDeps } from "./nomad-deps.ts";
import { operatorRoutes } from "./operator-routes.ts";
import { searchRoutes } from "./search-routes.ts";
import { variableRoutes } from "./variable-routes.ts";
import { scalingRoutes } from "./scaling-routes.ts";
import { serviceRoutes } from "./service-routes.ts";

/** Nomad's v1 API as far as servers answer it. https://developer.hashicorp.com/nomad/api-docs */
export function nomadRoutes(deps: NomadHttpDeps): Route[] {
  const { agent, server } = deps;
  return [
    ...jobReadRoutes(deps),
    ...jobStatusesRoutes(deps),
    ...jobHistoryRoutes(deps),
    ...jobRelatedRoutes(deps),
    ...jobExplainRoutes(deps),
    ...jobDispatchRoutes(deps),
    ...jobWriteRoutes(deps),
    ...jobTagRoutes(deps),
    ...jobPlanRoutes(deps),
    ...allocRoutes(deps),
    ...evalRoutes(deps),
    ...deploymentRoutes(deps),
    ...nodeRoutes(deps),
    ...namespaceRoutes(deps),
    ...nodePoolRoutes(deps),
    ...searchRoutes(deps),
    ...serviceRoutes(deps),
    ...scalingRoutes(deps),
    ...actionRoutes(deps),
    ...variableRoutes(deps),
    ...agentRoutes(deps),
    ...agentMemberRoutes(deps),
    ...agentKeyringRoutes(deps),
    ...agentOperationRoutes({ agent, knowsNode: (id) => server.context.state.node(id) !== undefined }),
    ...raftRoutes(deps),
    ...snapshotRoutes(deps),
    ...stateRoutes(deps),
    ...autopilotRoutes(deps),
    ...volumeRoutes(deps),
    ...enterpriseRoutes(),
    ...operatorRoutes(deps),
    ...metricsRoutes({ agent, clock: server.context.env.clock, gauges: () => serverGauges(server, agent.name) }),
    ...eventRoutes(deps),
    ...aclRoutes(deps.server.acl),
  ];
}
