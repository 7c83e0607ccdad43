import * as v from "valibot";
import { queryText } from "#base/http/query.ts";
import { route, type Route } from "#base/http/route.ts";
import { ownMember, serverMembers } from "./answers/member.ts";
import { serversOf } from "./answers/servers.ts";
import type { NomadHttpDeps } from "./nomad-deps.ts";
import { readAgent, readNode } from "./requests.ts";

const open = { kind: "public" } as const;

/** What the agent says of itself and of its cluster. https://developer.hashicorp.com/nomad/api-docs/agent */
export function agentRoutes(deps: NomadHttpDeps): Route[] {
  const { agent } = deps;
  return [
    ...statusRoutes(deps),
    route({
      method: "GET",
      path: "/v1/agent/self",
      summary: "Read the agent's configuration and state",
      access: readAgent,
      handle: () => ({
        kind: "json",
        value: { config: agent.config(), member: ownMember(agent), stats: statsOf(deps) },
      }),
    }),
    route({
      method: "GET",
      path: "/v1/agent/members",
      summary: "List the servers",
      access: readNode,
      handle: () => ({
        kind: "json",
        value: {
          ServerName: agent.name,
          ServerRegion: agent.region,
          ServerDC: agent.datacenter,
          Members: serverMembers(agent),
        },
      }),
    }),
    route({
      method: "GET",
      path: "/v1/agent/servers",
      summary: "List the servers this agent's client talks to",
      access: readAgent,
      handle: () => ({ kind: "json", value: serversOf(agent).map(({ address }) => address) }),
    }),
    route({
      method: "GET",
      path: "/v1/agent/health",
      summary: "Is the agent well?",
      access: open,
      query: v.object({ type: queryText }),
      handle: ({ query }) => {
        const well = { ok: true, message: "ok" };
        const client = agent.servesClient && query.type !== "server" ? { client: well } : {};
        return { kind: "json", value: { ...client, ...(query.type === "client" ? {} : { server: well }) } };
      },
    }),
  ];
}

function statusRoutes({ agent }: NomadHttpDeps): Route[] {
  return [
    route({
      method: "GET",
      path: "/v1/status/leader",
      summary: "The leader's address",
      access: open,
      handle: () => ({ kind: "json", value: serversOf(agent).find(({ isLeader }) => isLeader)?.address ?? "" }),
    }),
    route({
      method: "GET",
      path: "/v1/status/peers",
      summary: "The servers' addresses",
      access: open,
      handle: () => ({ kind: "json", value: serversOf(agent).map(({ address }) => address) }),
    }),
    route({
      method: "GET",
      path: "/v1/regions",
      summary: "The regions known here",
      access: open,
      handle: () => ({ kind: "json", value: [agent.region] }),
    }),
  ];
}

function statsOf({ server, agent }: NomadHttpDeps) {
  const { evalsReady, evalsInFlight, evalsBlocked, nodesHeartbeating } = server.stats();
  const { servers } = agent;
  const leader = String(servers === undefined || servers.leaderId === servers.selfId);
  const leader_addr = serversOf(agent).find(({ isLeader }) => isLeader)?.address ?? "";
  return {
    nomad: { server: "true", leader, leader_addr, known_regions: "1", bootstrap: "true" },
    broker: {
      total_ready: String(evalsReady),
      total_unacked: String(evalsInFlight),
      total_blocked: String(evalsBlocked),
    },
    heartbeat: { active: String(nodesHeartbeating) },
    ...agent.stats(),
  };
}
