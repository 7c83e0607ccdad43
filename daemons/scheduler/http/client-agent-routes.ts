import type { Clock } from "#base/env/clock.ts";
import { route, type Route } from "#base/http/route.ts";
import { agentOperationRoutes } from "./agent-operation-routes.ts";
import { ownMember } from "./answers/member.ts";
import { metricsRoutes } from "./metrics-routes.ts";
import type { AgentFacts } from "./nomad-deps.ts";
import { readAgent } from "./requests.ts";

export interface ClientAgentDeps {
  readonly agent: AgentFacts;
  readonly clock: Clock;
  readonly nodeId: string;
  /** `host:port` of the servers it knows. */
  readonly servers: () => readonly string[];
}

/** What an agent that is no server says of itself. https://developer.hashicorp.com/nomad/api-docs/agent */
export function clientAgentRoutes({ agent, clock, nodeId, servers }: ClientAgentDeps): Route[] {
  return [
    route({
      method: "GET",
      path: "/v1/agent/self",
      summary: "Read the agent's configuration and state",
      access: readAgent,
      handle: () => {
        const stats = agent.stats();
        const client = { ...stats["client"], known_servers: servers().join(",") };
        return {
          kind: "json",
          value: { config: agent.config(), member: ownMember(agent), stats: { ...stats, client } },
        };
      },
    }),
    route({
      method: "GET",
      path: "/v1/agent/servers",
      summary: "List the servers this agent's client talks to",
      access: readAgent,
      handle: () => ({ kind: "json", value: servers() }),
    }),
    route({
      method: "GET",
      path: "/v1/agent/health",
      summary: "Is the agent well?",
      access: { kind: "public" },
      handle: () => ({ kind: "json", value: { client: { ok: true, message: "ok" } } }),
    }),
    ...agentOperationRoutes({ agent, knowsNode: (id) => id === nodeId }),
    ...metricsRoutes({ agent, clock, gauges: () => Promise.resolve([]) }),
  ];
}
