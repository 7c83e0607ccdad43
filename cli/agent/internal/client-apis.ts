import { messageOf } from "#base/env/errors.ts";
import type { AuditLog } from "#base/http/audit.ts";
import type { Exchange, ExchangeRequest } from "#base/http/exchange.ts";
import { clientRoutes } from "#daemons/scheduler/client/http/client-routes.ts";
import { clientAgentRoutes } from "#daemons/scheduler/http/client-agent-routes.ts";
import { apiTls } from "../api-tls.ts";
import { createApis } from "../apis.ts";
import { agentFacts } from "../facts.ts";
import { followBridges } from "../bridge-routes.ts";
import { serveFirmware } from "../firmware/firmware-calls.ts";
import { firmwareRoutes } from "../firmware/firmware-routes.ts";
import { rolloutOfServers } from "../firmware/rollout-of-servers.ts";
import type { Lifecycle } from "../lifecycle.ts";
import { listen } from "../listeners.ts";
import { monitorLog } from "../monitor.ts";
import type { ClientNode } from "./client-composition.ts";
import { serveDisks } from "./alloc-disks.ts";
import { listenInternal } from "./listen-internal.ts";
import { allocOf, OF_NODES, targetOf } from "./node-routing.ts";
import { PASSED_ON } from "./pass-on.ts";
import { consulOfServers, nomadOfServers } from "./pass-to-servers.ts";
import { remoteAccess } from "./server-calls.ts";

/** Opens the APIs of a node that is no server, and starts its client. Resolves with what reads their certificates again. */
export async function serveClientNode(
  node: ClientNode,
  audit: AuditLog | undefined,
  lifecycle: Lifecycle,
): Promise<() => Promise<void>> {
  const { config, env, addresses, keeper, client, gossip } = node;
  const apis = createNodeApis(node, audit);
  lifecycle.add("blocking queries", () => apis.close());
  await gossip?.start(lifecycle);
  if (gossip !== undefined)
    node.discovery.follow(gossip.serf, { forgetAfterMs: config.discovery.gossip.reconnectTimeoutMs });
  await followBridges(node, lifecycle);
  const { httpMaxConnsPerClient, httpMaxBodyBytes, rpcMaxConnsPerClient, rpcHandshakeTimeoutMs } = config.limits;
  if (config.ports.rpc !== 0)
    await listenInternal(
      {
        env,
        keeper,
        addresses: config.addresses.rpc === "" ? config.bindAddress : config.addresses.rpc,
        port: config.ports.rpc,
        maxConnectionsPerClient: rpcMaxConnsPerClient,
        handshakeTimeoutMs: rpcHandshakeTimeoutMs,
        maxBodyBytes: httpMaxBodyBytes,
        internal: undefined,
        nomad: apis.nomad,
        consul: apis.consul,
        disks: serveDisks(client),
        firmware: serveFirmware(node.firmware),
      },
      lifecycle,
    );
  const common = {
    maxConnectionsPerClient: httpMaxConnsPerClient,
    maxBodyBytes: httpMaxBodyBytes,
    asksWho: config.acl.enabled,
    tls: await ownTls(node),
  };
  const nomad = { ...common, name: "nomad", addresses: addresses.http, port: config.ports.http } as const;
  const consul = { ...common, name: "consul", addresses: addresses.consul, port: config.ports.consul } as const;
  const listeners = [
    ...(await listen({ ...nomad, exchange: apis.nomad }, lifecycle, env.log)),
    ...(await listen({ ...consul, exchange: apis.consul }, lifecycle, env.log)),
  ];
  const reload = async (): Promise<void> => {
    const tls = await ownTls(node);
    if (tls !== undefined) for (const listener of listeners) listener.renew(tls);
  };
  keeper.onChange(() => {
    reload().catch((thrown: unknown) => env.log.error("the APIs keep their certificate", { error: messageOf(thrown) }));
  });
  node.taskApi.serve(apis.task);
  node.templates.serve(apis.task);
  if (client === undefined) return reload;
  await client.start();
  lifecycle.add("the scheduler's client", () => client.stop());
  return reload;
}

function ownTls({ env, config, keeper }: ClientNode): ReturnType<typeof apiTls> {
  const { authorities: ca, certificate: cert, key } = keeper.membership;
  return apiTls(env.disk, config, { ca, cert, key });
}

function createNodeApis(node: ClientNode, audit: AuditLog | undefined) {
  const { config, env, set, call, view, store, discovery, gossip, client, identity, reload, version } = node;
  const access = remoteAccess(call, { clock: env.clock, ttlMs: config.acl.tokenTtlMs });
  const agent = agentFacts({
    ...node,
    cluster: undefined,
    stateKeeper: undefined,
    snapshots: undefined,
    backups: undefined,
    state: { store },
  });
  return createApis({
    env,
    version,
    view,
    region: config.region,
    nomadRoutes: [
      ...clientAgentRoutes({ agent, clock: env.clock, nodeId: identity.nodeId, servers: () => set.servers }),
      ...(client === undefined ? [] : clientRoutes({ env, client, access })),
      ...firmwareRoutes({ ...node, nodeId: identity.nodeId, rollout: (token) => rolloutOfServers(set, token) }),
    ],
    consulRoutes: discovery.routes({
      ...(gossip === undefined ? {} : { gossip }),
      reload,
      monitor: (request) => monitorLog(env.logHub, request),
    }),
    access,
    responseHeaders: config.httpApiResponseHeaders,
    around: {
      nomad: (local) => either(local, nomadOfServers(set), (request) => isOwnNomad(request, node)),
      consul: (local) => either(local, consulOfServers(set, node.nodeName), isOwnConsul),
    },
    ...(audit === undefined ? {} : { audit }),
  });
}

function either(local: Exchange, servers: Exchange, isOwn: (request: ExchangeRequest) => boolean): Exchange {
  return (request) => (isOwn(request) ? local(request) : servers(request));
}

/** What an agent of Nomad's answers about itself alone. */
const OWN_AGENT =
  /^\/v1\/(?:agent\/(?:self|servers|health|host|monitor|monitor\/export|pprof\/[^/?]*|reload)|metrics)(?:\?|$)/;

function isOwnNomad({ url, headers }: ExchangeRequest, { client, identity }: ClientNode): boolean {
  if (!OWN_AGENT.test(url) && (!OF_NODES.test(url) || url.startsWith("/v1/agent/"))) return false;
  // A server knows that this node is meant.
  if (headers[PASSED_ON] !== undefined) return true;
  const target = targetOf(url);
  if (target === undefined) return true;
  const alloc = allocOf(target);
  if (alloc !== undefined) return client?.runner(alloc) !== undefined;
  if (url.startsWith("/v1/job/")) return false;
  const given = (name: string): string => target.query.get(name)?.[0] ?? "";
  return given("server_id") === "" && (given("node_id") === "" || given("node_id") === identity.nodeId);
}

/** Consul's agents answer for what is registered with them; the catalog, keys and sessions are the servers'. */
function isOwnConsul({ url }: ExchangeRequest): boolean {
  return /^\/v1\/(?:agent|event)(?:\/|$)/.test(url) && !url.startsWith("/v1/agent/connect/");
}
