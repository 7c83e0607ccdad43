import * as v from "valibot";
import { textOf } from "#base/env/bytes.ts";
import { internalAddress } from "../addresses.ts";
import { CodedError, messageOf } from "#base/env/errors.ts";
import { createApi } from "#base/http/api.ts";
import { jsonBody } from "#base/http/body.ts";
import { nomadDialect } from "#base/http/dialect.ts";
import type { Exchange } from "#base/http/exchange.ts";
import { HttpError } from "#base/http/http-error.ts";
import { route, type Route, type RouteRequest } from "#base/http/route.ts";
import { makeEcKey } from "#base/platform/ec-key.ts";
import { GLOBAL } from "#base/protocol/keys.ts";
import { BlockingQueries } from "#base/state/blocking.ts";
import { servers as serverTable } from "#base/state/tables.ts";
import { INTERNAL } from "#daemons/cluster/calls.ts";
import { createCluster, type Cluster } from "#daemons/cluster/create-cluster.ts";
import { memberRoutes, requirePeer } from "#daemons/cluster/http/internal-routes.ts";
import { catalogRoutes } from "#daemons/discovery/remote/catalog-routes.ts";
import { linkRoutes } from "#daemons/scheduler/http/link-routes.ts";
import { describeAccess } from "#daemons/scheduler/server/acl/access-wire.ts";
import type { Keyring } from "#daemons/scheduler/server/keyring/keyring.ts";
import { wrappingKeyPath } from "#daemons/scheduler/server/keyring/wrapping-key.ts";
import type { Apis } from "../apis.ts";
import type { Composition } from "../composition.ts";
import { serveFirmware } from "../firmware/firmware-calls.ts";
import { gossipKeysPath, keysIn } from "../gossip.ts";
import type { Lifecycle } from "../lifecycle.ts";
import { isPlacing, stabilizationMs } from "./calm.ts";
import { certificateAddresses } from "./certificate-addresses.ts";
import { serveDisks } from "./alloc-disks.ts";
import { CertificateKeeper } from "./certificate-keeper.ts";
import { livesAt } from "./lives-at.ts";
import { listenInternal } from "./listen-internal.ts";
import { proofOf, readMembership, writeMembership, type Membership } from "./membership.ts";
import { StandBys } from "./stand-bys.ts";

type Known = Pick<
  Composition,
  "config" | "env" | "addresses" | "identity" | "nodeName" | "folder" | "state" | "cluster"
>;

/** What the state knows of the cluster's members. */
export function createMembership(known: Known, keyring: Keyring): Cluster {
  const { config, env, state, cluster } = known;
  const members = createCluster({
    env,
    store: state.store,
    view: state.view,
    seals: keyring,
    makeKey: makeEcKey,
    region: config.region,
    servers: () => {
      const own = internalAddress(known);
      const listed = [...state.view.table(serverTable).list(GLOBAL)].map(({ value }) => value.RPC);
      return [own, ...listed.filter((each) => each !== "" && each !== own)];
    },
    ...(cluster === undefined ? {} : { fence: cluster.fence, isGone: (name) => cluster.isGone(name) }),
  });
  keyring.register({
    name: "the cluster's authorities",
    uses: (key) => members.authorities.uses(key.KeyID),
    rekey: (keyId) => members.authorities.rekey(keyId),
  });
  return members;
}

/** Serves the internal API, if this server's state is that of a cluster that nodes can join. */
export async function serveInternal(
  composition: Composition,
  apis: Apis,
  lifecycle: Lifecycle,
): Promise<CertificateKeeper | undefined> {
  const { config, env, identity, nodeName, folder, state, membership, cluster, server } = composition;
  if (membership.identity === undefined || config.ports.rpc === 0) return undefined;
  const kept = await readMembership(env.disk, folder.root);
  const own = kept ?? (await admitSelf(composition));
  if (own.clusterId !== membership.identity.ClusterID) throw foreignFolder(folder.root);
  const request = { nodeName, addresses: certificateAddresses(composition), internal: internalAddress(composition) };
  const keeper = new CertificateKeeper(
    {
      ...request,
      env,
      dataDir: folder.root,
      ask: async (asked) => {
        const granted = await membership.members.admit({ nodeId: identity.nodeId, role: "server" }, asked);
        if (!granted.ok) throw new CodedError(granted.error.code, granted.error.message, granted.error.hint);
        void membership.review();
        return granted.value;
      },
    },
    own,
  );
  keeper.onChange(() => {
    cluster?.certified(keeper.membership).catch((thrown: unknown) => {
      env.log.error("this server's etcd keeps its certificate", { error: messageOf(thrown) });
    });
  });
  keeper.start();
  lifecycle.add("this node's certificate", () => keeper.stop());
  const look = (): void => keeper.heard({ trust: membership.authorities.trust, servers: membership.servers() });
  const unfollow = state.view.onChange(({ rows }) => {
    if (rows.some(({ table }) => table === "authorities" || table === "servers")) look();
    // Whoever leads may have waited for just that certificate, or that etcd.
    if (rows.some(({ table }) => table === "cluster-members" || table === "servers")) void membership.review();
  });
  lifecycle.add("changes of authorities", unfollow);
  look();
  await listenInternal(
    {
      env,
      keeper,
      addresses: config.addresses.rpc === "" ? config.bindAddress : config.addresses.rpc,
      port: config.ports.rpc,
      maxConnectionsPerClient: config.limits.rpcMaxConnsPerClient,
      handshakeTimeoutMs: config.limits.rpcHandshakeTimeoutMs,
      maxBodyBytes: config.limits.httpMaxBodyBytes,
      internal: cluster?.answering(internalApi(composition, keeper), server) ?? internalApi(composition, keeper),
      nomad: apis.nomad,
      consul: apis.consul,
      disks: serveDisks(composition.client),
      firmware: serveFirmware(composition.firmware),
    },
    lifecycle,
  );
  return keeper;
}

function foreignFolder(root: string): CodedError {
  return new CodedError(
    "membership",
    `${root} holds the state of one cluster and the certificate of another`,
    `restore the folder from one backup, or remove ${root}/cluster to have a certificate made anew`,
  );
}

async function admitSelf(composition: Composition): Promise<Membership> {
  const { env, identity, nodeName, folder, membership } = composition;
  const key = await makeEcKey();
  const granted = await membership.members.admit(
    { nodeId: identity.nodeId, role: "server" },
    {
      ...proofOf(identity.nodeId, key),
      nodeName,
      addresses: certificateAddresses(composition),
      internal: internalAddress(composition),
    },
  );
  if (!granted.ok) throw new CodedError(granted.error.code, granted.error.message, granted.error.hint);
  const servers = [...membership.servers()];
  const internal = internalAddress(composition);
  const whose = { role: "server", nodeId: identity.nodeId, key, servers, internal } as const;
  const own: Membership = { ...granted.value, issuedMs: env.clock.nowMs(), ...whose };
  await writeMembership(env.disk, folder.root, own);
  return own;
}

function internalApi(composition: Composition, keeper: CertificateKeeper): Exchange {
  const { env, state, server, membership, config, folder, identity, stateKeeper } = composition;
  const standBys = new StandBys({
    env,
    where: () => stateKeeper.where,
    stableMs: () => stabilizationMs(state.view),
    isPlacing: () => isPlacing(state.view),
    move: () => stateKeeper.move("etcd"),
  });
  const blocking = new BlockingQueries({ view: state.view, clock: env.clock, random: env.random });
  const nodeOf = (request: Pick<RouteRequest, "peer">): string => requirePeer(request).nodeId;
  const nodeNameOf = (request: Pick<RouteRequest, "peer">): string => {
    const { nodeId } = requirePeer(request);
    const member = membership.members.get(nodeId);
    if (member === undefined) throw new HttpError(403, `node ${nodeId} was taken out of the cluster`);
    return member.Name;
  };
  const routes: Route[] = [
    ...memberRoutes(membership, {
      datacenter: config.datacenter,
      aclEnabled: config.acl.enabled,
      gossipKeys: async () => {
        const bytes = await env.disk.read(gossipKeysPath(folder));
        return bytes === undefined ? [] : keysIn(textOf(bytes), gossipKeysPath(folder));
      },
      rootKey: async () => textOf((await env.disk.read(wrappingKeyPath(folder.keyring))) ?? new Uint8Array()).trim(),
      state: () =>
        composition.cluster === undefined ? "alone" : stateKeeper.where?.engine === "etcd" ? "shared" : "external",
      standBy: (nodeId) => standBys.hear(nodeId),
      livesAt: (nodeId, internal) =>
        nodeId === identity.nodeId
          ? Promise.resolve(internal === internalAddress(composition))
          : livesAt({ env, tls: keeper.tls() }, nodeId, internal),
    }),
    ...linkRoutes({ server, root: INTERNAL, nodeOf }),
    ...catalogRoutes({ store: state.store, root: INTERNAL, nodeNameOf }),
    route({
      method: "PUT",
      path: `${INTERNAL}/access`,
      summary: "What a token may do",
      access: { kind: "public" },
      body: jsonBody(v.object({ token: v.string() })),
      handle: (request) => {
        nodeOf(request);
        return { kind: "json", value: describeAccess(server.acl, request.body.token) };
      },
    }),
  ];
  return createApi({ env, blocking, dialect: nomadDialect, routes });
}
