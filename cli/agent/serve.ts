import { messageOf } from "#base/env/errors.ts";
import type { AccessPolicy } from "#base/http/access.ts";
import { clusterRoutes } from "#daemons/cluster/http/cluster-routes.ts";
import { rolloutRoutes } from "#daemons/rollout/http/rollout-routes.ts";
import { clientRoutes } from "#daemons/scheduler/client/http/client-routes.ts";
import { INTERNAL_ADDRESS } from "#daemons/scheduler/client/fingerprint/fingerprint.ts";
import { nomadRoutes } from "#daemons/scheduler/http/nomad-routes.ts";
import { apiTls, type CertificateSet } from "./api-tls.ts";
import { announce } from "./announce.ts";
import { createApis, type Apis } from "./apis.ts";
import { followBridges } from "./bridge-routes.ts";
import { firmwareRoutes } from "./firmware/firmware-routes.ts";
import type { OpenAuditLog } from "./audit/audit-log.ts";
import type { Composition } from "./composition.ts";
import { SilentNodes } from "./cluster/silent-nodes.ts";
import { CLAIM_PATH } from "#os-image/firmware/node/machine.ts";
import { agentFacts } from "./facts.ts";
import { routeToNodes, type NodeRoutingDeps } from "./internal/node-routing.ts";
import { serveInternal } from "./internal/server-side.ts";
import type { Lifecycle } from "./lifecycle.ts";
import { listen } from "./listeners.ts";
import { monitorLog } from "./monitor.ts";
import { Claim } from "./page/claim.ts";
import { claimRoutes } from "./page/claim-routes.ts";
import { pageRoutes } from "./page/page-routes.ts";
import { nameListener } from "./taken-address.ts";

/** The public APIs of a server. */
export function createAgentApis(composition: Composition, audit: OpenAuditLog | undefined): Apis {
  const { env, state, discovery, gossip, server, client, config, reload, version, cluster, snapshots } = composition;
  const access: AccessPolicy = (token) => server.acl.resolver.access(token);
  const leading = cluster?.around();
  return createApis({
    env,
    version,
    view: state.view,
    region: config.region,
    nomadRoutes: [
      ...nomadRoutes({ server, agent: agentFacts(composition) }),
      ...(client === undefined ? [] : clientRoutes({ env, client, access })),
      ...pageRoutes(),
      ...firmwareRoutes({
        ...composition,
        nodeId: composition.identity.nodeId,
        rollout: async () => composition.rollout.current()?.value,
      }),
      ...(composition.firmware === undefined ? [] : claimRoutes(claimOf(composition))),
      ...clusterRoutes(
        composition.membership,
        (name) => gossip?.serf.members().find((one) => one.name === name)?.status ?? "",
      ),
      ...rolloutRoutes(composition.rollout, state.view),
      ...(composition.backups?.routes ?? []),
    ],
    consulRoutes: discovery.routes({
      ...(gossip === undefined ? {} : { gossip }),
      acl: server.acl,
      snapshots,
      reload,
      monitor: (request) => monitorLog(env.logHub, request),
    }),
    access,
    responseHeaders: config.httpApiResponseHeaders,
    around: {
      nomad: (exchange) => routeToNodes(leading?.nomad(exchange) ?? exchange, nodeRouting(composition)),
      consul: (exchange) => leading?.consul(exchange) ?? exchange,
    },
    ...(cluster === undefined ? {} : { consistency: cluster.reads }),
    ...(audit === undefined ? {} : { audit: audit.log }),
  });
}

/** The firmware leaves the code there when it founds a cluster. */
function claimOf({ env, folder }: Composition): Claim {
  return new Claim({ env, codePath: CLAIM_PATH, tokenPath: `${folder.root}/management-token` });
}

function nodeRouting({ env, identity, server, own }: Composition): NodeRoutingDeps {
  const { state } = server.context;
  return {
    env,
    ownNodeId: identity.nodeId,
    nodeOfAlloc: (id) => state.allocById(id)?.value.NodeID,
    nodeOfJob: ({ namespace, job, group }) => {
      const running = state
        .jobAllocs(namespace, job)
        .filter(
          ({ alloc, report }) => report?.ClientStatus === "running" && (group === "" || alloc.TaskGroup === group),
        );
      return (running.find(({ alloc }) => alloc.NodeID === identity.nodeId) ?? running[0])?.alloc.NodeID;
    },
    internalOf: (id) => (own.keeper === undefined ? undefined : state.node(id)?.value.Attributes[INTERNAL_ADDRESS]),
    tls: () => own.keeper?.tls() ?? {},
  };
}

/** Resolves with what reads the certificates of the APIs again. */
export async function serve(composition: Composition, apis: Apis, lifecycle: Lifecycle): Promise<() => Promise<void>> {
  const { config, env, addresses, discovery, server, client, taskApi, templates } = composition;
  const limits = {
    maxConnectionsPerClient: config.limits.httpMaxConnsPerClient,
    maxBodyBytes: config.limits.httpMaxBodyBytes,
    asksWho: config.acl.enabled,
  };
  server.start();
  lifecycle.add("the scheduler's server", () => server.stop());
  lifecycle.add("discovery", () => discovery.stop());
  await discovery.start().catch((thrown: unknown) => {
    throw nameListener(thrown, { name: "DNS server", port: "dns" });
  });
  await composition.gossip?.start(lifecycle);
  if (composition.gossip !== undefined) composition.cluster?.follow(composition.gossip.serf);
  if (composition.gossip !== undefined)
    discovery.follow(composition.gossip.serf, { forgetAfterMs: config.discovery.gossip.reconnectTimeoutMs });
  await followBridges(composition, lifecycle);
  const keeper = await serveInternal(composition, apis, lifecycle);
  if (keeper !== undefined) composition.own.keeper = keeper;
  const tls = await apiTls(env.disk, config, ownCertificates(composition));
  const nomad = await listen(
    { name: "nomad", addresses: addresses.http, port: config.ports.http, exchange: apis.nomad, tls, ...limits },
    lifecycle,
    env.log,
  );
  const consul = await listen(
    { name: "consul", addresses: addresses.consul, port: config.ports.consul, exchange: apis.consul, tls, ...limits },
    lifecycle,
    env.log,
  );
  await lead(composition, lifecycle);
  if (config.discovery.announce && keeper !== undefined)
    await announce({ ...composition, clusterId: keeper.membership.clusterId, role: "server" }, lifecycle);
  const renewTls = async (): Promise<void> => {
    const renewed = await apiTls(env.disk, config, ownCertificates(composition));
    if (renewed !== undefined) for (const listener of [...nomad, ...consul]) listener.renew(renewed);
  };
  keeper?.onChange(() => {
    renewTls().catch((thrown: unknown) =>
      env.log.error("the APIs keep their certificate", { error: messageOf(thrown) }),
    );
  });
  if (client === undefined) return renewTls;
  taskApi.serve(apis.task);
  templates.serve(apis.task);
  await client.start();
  lifecycle.add("the scheduler's client", () => client.stop());
  return renewTls;
}

/** What one server does for all begins here, or when this one leads. */
async function lead(
  { cluster, membership, server, discovery, backups, shapes, rollout, gossip }: Composition,
  lifecycle: Lifecycle,
): Promise<void> {
  lifecycle.add("the cluster's authorities", () => membership.stopLeading());
  if (backups !== undefined) lifecycle.add("backups", () => backups.stopLeading());
  lifecycle.add("the update of all firmware", () => rollout.stopLeading());
  if (cluster === undefined) {
    membership.startLeading();
    shapes.startLeading();
    backups?.startLeading();
    rollout.startLeading();
    return;
  }
  lifecycle.add("this server's part in the cluster", () => cluster.stop());
  const silent = gossip === undefined ? [] : [new SilentNodes(gossip.serf, server)];
  const parts = [server, ...silent, discovery, membership, shapes, rollout];
  await cluster.start(backups === undefined ? parts : [...parts, backups]);
}

/** Of this node in its cluster. */
function ownCertificates({ own: { keeper } }: Composition): CertificateSet | undefined {
  if (keeper === undefined) return undefined;
  const { authorities: ca, certificate: cert, key } = keeper.membership;
  return { ca, cert, key };
}
