import type { Env } from "#base/env/env.ts";
import type { Random } from "#base/env/random.ts";
import type { Route } from "#base/http/route.ts";
import {
  alertLogs,
  alerts,
  autopilotConfigurations,
  catalogChecks,
  catalogNodes,
  catalogServices,
  kv,
  preparedQueries,
  sessions,
} from "#base/state/tables.ts";
import { AlertKeeper } from "./alerts/alert-keeper.ts";
import { CatalogWriter } from "./catalog/catalog-writer.ts";
import { ChangeIndex } from "./catalog/change-index.ts";
import { Coordinates } from "./catalog/coordinates.ts";
import { consulRoutes } from "./http/consul-routes.ts";
import type { Surroundings } from "./http/consul-deps.ts";
import { KvStore } from "./kv/kv-store.ts";
import { LockDelays } from "./kv/lock-delays.ts";
import { PrefixIndex } from "./kv/prefix-index.ts";
import { Sessions } from "./kv/sessions.ts";
import type { Address } from "#base/env/net.ts";
import type { Compare, Store } from "#base/state/store.ts";
import type { View } from "#base/state/table.ts";
import type { DiscoveryConfig } from "./config.ts";
import { DnsServer } from "./dns/dns-server.ts";
import { Recursor, recursorAddress } from "./dns/recursor.ts";
import { Responder } from "./dns/responder.ts";
import { Zone } from "./dns/zone.ts";
import { EXEC_EVENT, RemoteCommands, type RemoteCommandsDeps } from "./exec/remote-commands.ts";
import { EventLog } from "./events/event-log.ts";
import { LeaderParts } from "./leader-parts.ts";
import type { Serf } from "./serf/shell/serf.ts";
import { PreparedQueries } from "./queries/prepared-queries.ts";
import { createAgent, type LocalAgent } from "./local/agent.ts";
import type { TaskServices } from "./local/registry.ts";

/** What discovery reads: the view it is given has to follow these. */
export const discoveryTables = [
  autopilotConfigurations,
  catalogNodes,
  catalogServices,
  catalogChecks,
  kv,
  sessions,
  preparedQueries,
  alerts,
  alertLogs,
] as const;

export interface DiscoveryDeps {
  readonly env: Env;
  readonly store: Store;
  /** Follows at least {@link discoveryTables}. */
  readonly view: View;
  readonly config: DiscoveryConfig;
  /** Compares that hold while this server leads. Default: it is the only one, and leads from its start. */
  readonly fence?: () => readonly Compare[];
}

export interface Discovery {
  /** For whoever runs tasks on this node. */
  readonly registry: TaskServices;
  readonly agent: LocalAgent;
  /** Consul's HTTP API; its kit wants the Consul dialect and `explainConsul`. */
  routes(surroundings?: Surroundings): Route[];
  /** Brings the members of gossip into the catalog, and events to them. */
  follow(serf: Serf, options: { readonly forgetAfterMs: number }): void;
  /** Where DNS is answered, once started. */
  readonly dnsAddress: Address | undefined;
  /** Registers the node, starts the checks that were kept and the DNS server. Rejects when the DNS port cannot be had. */
  start(): Promise<void>;
  /** Begins what one server does for all: sessions that end, alerts, members of gossip in the catalog. Idempotent. */
  startLeading(): void;
  /** Ends that again. Idempotent. */
  stopLeading(): Promise<void>;
  /** Releases sockets, timers and files. What is registered stays in the catalog. */
  stop(): Promise<void>;
}

const DOMAIN = "consul";

export function createDiscovery(deps: DiscoveryDeps): Discovery {
  const { store, view, config } = deps;
  const env = { ...deps.env, log: deps.env.log.child("discovery") };
  const agent = createAgent({ env, store, view, config });
  const delays = new LockDelays(env.clock);
  const leader = new LeaderParts({ ...deps, env, delays });
  const sessionKeeper = new Sessions({ env, store, view, delays, renewed: (session) => leader.renewed(session) });
  const changes = new ChangeIndex(view);
  const prefixes = new PrefixIndex(view);
  const shared = { env, store, view, config, agent, changes, prefixes, sessions: sessionKeeper };
  const alerting = new AlertKeeper({
    env,
    store,
    view,
    rules: config.alerts ?? [],
    folder: `${config.dataDir ?? "/tmp"}/alerts`,
  });
  const queries = new PreparedQueries({ env, store, view });
  const coordinates = new Coordinates();
  const kvStore = new KvStore({ store, view, delays });
  const catalog = new CatalogWriter(store, view);
  const events = createEventLog(env.random, config.nodeName, agent);
  const commands = takeCommands(events, { env, kv: kvStore, view, config });
  const recursor = createRecursor(env, config);
  const server =
    config.dnsPort === undefined
      ? undefined
      : createDnsServer({ env, view, config, recursor, queries, coordinates }, config.dnsPort);
  return {
    registry: agent.registry,
    agent,
    routes: (surroundings = {}) =>
      consulRoutes({ ...shared, kv: kvStore, catalog, queries, coordinates, events, alerts: alerting, surroundings }),
    follow(serf, { forgetAfterMs }) {
      events.attach(serf);
      coordinates.attach(serf);
      leader.follow(serf, forgetAfterMs);
    },
    get dnsAddress() {
      return server?.address;
    },
    async start() {
      await agent.start();
      if (deps.fence === undefined) leader.start();
      await server?.start();
    },
    startLeading: () => leader.start(),
    stopLeading: () => leader.stop(),
    async stop() {
      commands.stop();
      await leader.stop();
      recursor.stop();
      await alerting.stop();
      changes.close();
      prefixes.close();
      await server?.stop();
      await agent.stop();
    },
  };
}

function takeCommands(events: EventLog, deps: RemoteCommandsDeps): RemoteCommands {
  const commands = new RemoteCommands(deps);
  events.divert(EXEC_EVENT, (event) => void commands.take(event));
  return commands;
}

function createRecursor(env: Env, { dns = {} }: DiscoveryConfig): Recursor {
  return new Recursor(env, {
    servers: (dns.recursors ?? []).map(recursorAddress),
    ...(dns.recursorTimeoutMs === undefined ? {} : { timeoutMs: dns.recursorTimeoutMs }),
  });
}

function createDnsServer(
  deps: {
    readonly env: Env;
    readonly view: View;
    readonly config: DiscoveryConfig;
    readonly recursor: Recursor;
    readonly queries: PreparedQueries;
    readonly coordinates: Coordinates;
  },
  port: number,
): DnsServer {
  const { env, view, config, recursor, queries, coordinates } = deps;
  const { datacenter, domain = DOMAIN, altDomain, dns = {} } = config;
  const { random, clock } = env;
  const zone = new Zone({
    view,
    random,
    clock,
    datacenter,
    domain,
    dns,
    nodeName: config.nodeName,
    queries,
    coordinates,
    ...(altDomain === undefined ? {} : { altDomain }),
  });
  return new DnsServer({ env, responder: new Responder(zone, dns), recursor, at: { host: config.bindAddr, port } });
}

function createEventLog(random: Random, nodeName: string, { state }: LocalAgent): EventLog {
  const services = () => [...state.services.values()].map(({ row }) => ({ name: row.Service, tags: row.Tags }));
  return new EventLog(random, { nodeName, services });
}
