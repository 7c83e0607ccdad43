import type { AgentConfig } from "#base/language/agent-config/config.ts";
import type { SchedulerClient } from "#daemons/scheduler/client/client.ts";
import { clientGauges } from "#daemons/scheduler/client/client-gauges.ts";
import type { GaugeSource } from "#daemons/scheduler/gauge.ts";
import type { AgentFacts } from "#daemons/scheduler/http/nomad-deps.ts";
import type { Store } from "#base/state/store.ts";
import type { Composition } from "./composition.ts";
import { runtimeGauges } from "./runtime-gauges.ts";
import { agentOperations } from "./operations.ts";

type Own =
  | "state"
  | "stateKeeper"
  | "shapes"
  | "snapshots"
  | "backups"
  | "rollout"
  | "firmware"
  | "discovery"
  | "server"
  | "taskApi"
  | "templates"
  | "membership"
  | "own";
type FactsOf = Omit<Composition, Own> & {
  readonly stateKeeper: Composition["stateKeeper"] | undefined;
  readonly snapshots: Composition["snapshots"] | undefined;
  readonly backups: Composition["backups"];
  readonly state: { readonly store: Pick<Store, "status"> };
};

/** What this agent says of itself over Nomad's API. */
export function agentFacts({
  config,
  env,
  addresses,
  nodeName,
  state,
  version,
  reload,
  client,
  identity,
  gossip,
  cluster,
  stateKeeper,
  snapshots,
  backups,
}: FactsOf): AgentFacts {
  let parse: AgentFacts["parseApart"];
  return {
    name: nodeName,
    region: config.region,
    datacenter: config.datacenter,
    version,
    rpcAddress: { host: addresses.advertise, port: config.ports.rpc },
    servesClient: config.client.enabled,
    ...(gossip === undefined ? {} : { pool: gossip.serf }),
    ...(cluster === undefined ? {} : { servers: cluster }),
    ...(stateKeeper === undefined ? {} : { stateKeeper }),
    search: config.server.search,
    ...(snapshots === undefined ? {} : { snapshots }),
    jobs: {
      defaultPriority: config.server.jobDefaultPriority,
      maxPriority: config.server.jobMaxPriority,
      maxCount: config.server.jobMaxCount,
      maxSourceBytes: config.server.jobMaxSourceSize,
    },
    startedAt: new Date(env.clock.nowMs()).toISOString(),
    metrics: {
      prometheus: config.telemetry.prometheusMetrics,
      prefixFilter: config.telemetry.prefixFilter,
      sources: [...gaugesOf({ config, env, nodeName, client, backups }), ...(cluster?.gauges() ?? [])],
    },
    parseApart: async (request) => {
      parse ??= (await import("./parse-apart.ts")).parsingApart(env);
      return parse(request);
    },
    operations: agentOperations({ config, env, reload }),
    config: () => publicConfig(config),
    stats: () => {
      const { engine, revision, keys, bytes } = state.store.status();
      return {
        ...(client === undefined
          ? {}
          : { client: clientStats(client, identity.nodeId, `${addresses.advertise}:${config.ports.rpc}`) }),
        runtime: runtimeStats(),
        state: { engine, revision: String(revision), keys: String(keys), bytes: String(bytes) },
        log: { entries: String(env.logHub.recent().length) },
      };
    },
  };
}

/** https://developer.hashicorp.com/nomad/api-docs/agent#query-self : by its node, programs find out where they are. */
function clientStats(client: SchedulerClient, nodeId: string, server: string): Readonly<Record<string, string>> {
  const running = [...client.runners().values()].filter((runner) => !runner.isTerminal());
  return { node_id: nodeId, num_allocations: String(running.length), known_servers: server };
}

function runtimeStats(): Readonly<Record<string, string>> {
  const memory = process.memoryUsage();
  return {
    version: process.version,
    arch: process.arch,
    kernel: process.platform,
    uptime_s: String(Math.round(process.uptime())),
    rss_bytes: String(memory.rss),
    heap_bytes: String(memory.heapUsed),
  };
}

function gaugesOf({
  client,
  backups,
  nodeName,
  ...known
}: Pick<Composition, "config" | "env" | "nodeName" | "client" | "backups">): GaugeSource[] {
  return [
    runtimeGauges(nodeName),
    ...(client === undefined ? [] : [gaugesOfClient({ ...known, client })]),
    ...(backups === undefined ? [] : [backups.gauges]),
  ];
}

function gaugesOfClient({
  config,
  env,
  client,
}: Pick<Composition, "config" | "env"> & { readonly client: SchedulerClient }): GaugeSource {
  const { publishNodeMetrics, publishAllocationMetrics } = config.telemetry;
  return clientGauges({ env, client, node: publishNodeMetrics, allocs: publishAllocationMetrics });
}

/** The configuration in force, by the API's field names; what is secret is left out. */
function publicConfig(config: AgentConfig): Readonly<Record<string, unknown>> {
  const { acl, server, discovery, telemetry } = config;
  return {
    Region: config.region,
    Datacenter: config.datacenter,
    NodeName: config.name,
    DataDir: config.dataDir,
    BindAddr: config.bindAddress,
    LogLevel: config.logLevel.toUpperCase(),
    Ports: {
      HTTP: config.ports.http,
      RPC: config.ports.rpc,
      Serf: config.ports.gossip,
      Consul: config.ports.consul,
      DNS: config.ports.dns,
    },
    Addresses: config.addresses,
    Server: { Enabled: server.enabled, BootstrapExpect: server.bootstrapExpect },
    Client: {
      Enabled: config.client.enabled,
      NodeClass: config.client.nodeClass,
      NodePool: config.client.nodePool,
      Meta: config.client.meta,
    },
    ACL: { Enabled: acl.enabled },
    Discovery: { Domain: discovery.domain },
    Telemetry: { PrometheusMetrics: telemetry.prometheusMetrics },
  };
}
