import * as v from "valibot";
import { GAUGE_TEXT, gaugeText } from "#base/http/gauge-text.ts";
import { HttpError } from "#base/http/http-error.ts";
import { queryFlag, queryText } from "#base/http/query.ts";
import { route, type Route } from "#base/http/route.ts";
import { catalogNodes, catalogServices, kv, sessions } from "#base/state/tables.ts";
import { maintenanceId } from "../local/maintenance.ts";
import { failedNodes, membersOf } from "./members.ts";
import { API_VERSION, capability, type ConsulDeps } from "./consul-deps.ts";
import { hostFacts } from "./host-facts.ts";
import { ownAgent, ownNode } from "./consul-access.ts";
import { knownServers } from "./known-servers.ts";

/** https://developer.hashicorp.com/consul/api-docs/agent */
export function agentRoutes(deps: ConsulDeps): Route[] {
  return [...selfRoutes(deps), ...lifeRoutes(deps), ...monitorRoutes(deps)];
}

function selfRoutes(deps: ConsulDeps): Route[] {
  const { config, env } = deps;
  return [
    route({
      method: "GET",
      path: "/v1/agent/self",
      summary: "This agent: configuration, membership, figures",
      access: ownAgent(deps, "read"),
      handle: () => ({ kind: "json", value: self(deps) }),
    }),
    route({
      method: "GET",
      path: "/v1/agent/version",
      summary: "The version of the API and of the program",
      access: { kind: "public" },
      handle: () => ({
        kind: "json",
        value: {
          SHA: "",
          BuildDate: "1970-01-01T00:00:00Z",
          HumanVersion: API_VERSION,
          FIPS: "",
          Lares: config.version ?? "",
        },
      }),
    }),
    route({
      method: "GET",
      path: "/v1/agent/host",
      summary: "The machine this agent runs on",
      access: capability("operator", "read"),
      handle: async () => ({ kind: "json", value: await hostFacts(env) }),
    }),
    route({
      method: "GET",
      path: "/v1/agent/metrics",
      summary: "Figures of this agent; with format=prometheus as its text format",
      access: ownAgent(deps, "read"),
      query: v.object({ format: queryText }),
      handle: ({ query }) => {
        const value = metrics(deps);
        return query.format === "prometheus"
          ? { kind: "bytes", contentType: GAUGE_TEXT, body: gaugeText(value.Gauges) }
          : { kind: "json", value };
      },
    }),
  ];
}

function lifeRoutes(deps: ConsulDeps): Route[] {
  const { agent, surroundings } = deps;
  return [
    route({
      method: "PUT",
      path: "/v1/agent/maintenance",
      summary: "Takes this node out of service, or back in",
      access: ownNode(deps, "write"),
      query: v.object({ enable: queryFlag, reason: queryText }),
      async handle({ query, rawQuery }) {
        if (!rawQuery.has("enable")) throw new HttpError(400, "Missing value for enable");
        const id = maintenanceId("");
        if (query.enable) agent.state.enterMaintenance("", query.reason);
        else agent.state.deregisterCheck(id);
        const definition = agent.state.checks.get(id)?.registration.definition;
        await (definition === undefined
          ? agent.files.forget({ kind: "check", id })
          : agent.files.keep({ kind: "check", id, definition }));
        await agent.sync.settled();
        return { kind: "empty", status: 200 };
      },
    }),
    route({
      method: "PUT",
      path: "/v1/agent/reload",
      summary: "Reads the configuration again",
      access: ownAgent(deps, "write"),
      async handle() {
        if (surroundings.reload === undefined)
          throw new HttpError(501, "this agent has no configuration to read again");
        await surroundings.reload();
        await agent.reload();
        return { kind: "empty", status: 200 };
      },
    }),
  ];
}

function monitorRoutes(deps: ConsulDeps): Route[] {
  const { monitor } = deps.surroundings;
  if (monitor === undefined) return [];
  return [
    route({
      method: "GET",
      path: "/v1/agent/monitor",
      summary: "Streams the agent's log",
      access: ownAgent(deps, "read"),
      query: v.object({
        loglevel: v.optional(v.picklist(["trace", "debug", "info", "warn", "error"]), "info"),
        logjson: queryFlag,
      }),
      handle: ({ query, signal }) => ({
        kind: "stream",
        contentType: "text/plain; charset=utf-8",
        body: monitor({ level: query.loglevel, json: query.logjson, signal }),
      }),
    }),
  ];
}

function self(deps: ConsulDeps) {
  const { config } = deps;
  const members = membersOf(deps);
  const own = members.find((member) => member.Name === config.nodeName) ?? null;
  const isServer = config.server ?? true;
  const servers = members.filter((member) => Reflect.get(member.Tags, "role") === "consul");
  const isLeader = isServer && knownServers(deps).some((one) => one.isLeader && one.id === config.nodeId);
  const isAclEnabled = deps.surroundings.acl?.enabled === true;
  return {
    Config: {
      Datacenter: config.datacenter,
      PrimaryDatacenter: config.datacenter,
      NodeName: config.nodeName,
      NodeID: config.nodeId,
      Server: isServer,
      Revision: "",
      Version: API_VERSION,
      BuildDate: "1970-01-01T00:00:00Z",
    },
    DebugConfig: {
      Datacenter: config.datacenter,
      NodeName: config.nodeName,
      DNSDomain: `${config.domain ?? "consul"}.`,
      DNSPort: config.dnsPort ?? -1,
      DisableRemoteExec: config.disableRemoteExec ?? true,
      EnableRemoteScriptChecks: config.enableScriptChecks ?? false,
      EnableLocalScriptChecks: config.enableLocalScriptChecks ?? config.enableScriptChecks ?? false,
      ACLsEnabled: isAclEnabled,
    },
    Coord: deps.surroundings.gossip?.serf.coordinateOf(config.nodeName) ?? null,
    Member: own,
    Stats: {
      agent: {
        check_monitors: String(deps.agent.state.checks.size),
        checks: String(deps.agent.state.checks.size),
        services: String(deps.agent.state.services.size),
      },
      build: { version: API_VERSION, lares: config.version ?? "" },
      consul: {
        acl: isAclEnabled ? "enabled" : "disabled",
        known_servers: String(servers.length),
        server: String(isServer),
        leader: String(isLeader),
      },
      serf_lan: gossipStats(deps),
    },
    Meta: { "consul-network-segment": "", ...config.nodeMeta },
  };
}

function gossipStats(deps: ConsulDeps): Readonly<Record<string, string>> {
  const { view, surroundings } = deps;
  if (surroundings.gossip === undefined)
    return { members: String(view.table(catalogNodes).size), failed: String(failedNodes(deps).size) };
  const stats = surroundings.gossip.serf.stats();
  return {
    members: String(stats.members),
    failed: String(stats.failed),
    left: String(stats.left),
    member_time: String(stats.memberTime),
    event_time: String(stats.eventTime),
    query_time: String(stats.queryTime),
    intent_queue: String(stats.intentQueue),
    event_queue: String(stats.eventQueue),
    query_queue: String(stats.queryQueue),
    coordinate_resets: String(stats.coordinateResets),
    health_score: String(stats.healthScore),
    encrypted: String(stats.encrypted),
  };
}

function metrics({ view, env, agent }: ConsulDeps) {
  const gauge = (name: string, value: number) => ({ Name: `consul.${name}`, Value: value, Labels: {} });
  return {
    Timestamp: new Date(env.clock.nowMs()).toISOString(),
    Gauges: [
      gauge("state.nodes", view.table(catalogNodes).size),
      gauge("state.service_instances", view.table(catalogServices).size),
      gauge("state.kv_entries", view.table(kv).size),
      gauge("state.sessions", view.table(sessions).size),
      gauge("agent.services", agent.state.services.size),
      gauge("agent.checks", agent.state.checks.size),
    ],
    Points: [],
    Counters: [],
    Samples: [],
  };
}
