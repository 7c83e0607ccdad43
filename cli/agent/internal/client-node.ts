import * as v from "valibot";
import { sleep } from "#base/env/clock.ts";
import { CodedError, messageOf } from "#base/env/errors.ts";
import type { AgentConfig } from "#base/language/agent-config/config.ts";
import { followView } from "#base/state/view.ts";
import { GrantSchema, RENEW_PATH } from "#daemons/cluster/calls.ts";
import { ServerSet } from "#daemons/cluster/server-set.ts";
import { createDiscovery, discoveryTables } from "#daemons/discovery/create-discovery.ts";
import { CatalogStore } from "#daemons/discovery/remote/catalog-store.ts";
import { loadIdentity } from "#daemons/scheduler/client/fingerprint/node-identity.ts";
import { createRemoteLink } from "#daemons/scheduler/client/link-remote.ts";
import { announce } from "../announce.ts";
import { addressesOf, internalAddress } from "../addresses.ts";
import type { OwnMember } from "../cluster/own-member.ts";
import { ownFirmware } from "../firmware/rollout.ts";
import { watchMachine } from "../firmware/watch-machine.ts";
import { openAuditLog } from "../audit/audit-log.ts";
import type { AgentOptions } from "../agent-options.ts";
import type { Agent } from "../composition.ts";
import type { ClientNode, Known } from "./client-composition.ts";
import { openDataFolder } from "../data-folder.ts";
import { createAgentGossip } from "../gossip.ts";
import type { Lifecycle } from "../lifecycle.ts";
import { createClient, discoveryConfig, forTasks } from "../parts.ts";
import { nameListener } from "../taken-address.ts";
import { CertificateKeeper } from "./certificate-keeper.ts";
import { serveClientNode } from "./client-apis.ts";
import { readMembership, type Membership } from "./membership.ts";
import { callServers, catalogCalls, openAtServers } from "./server-calls.ts";
import { certificateAddresses } from "./certificate-addresses.ts";

/** How long the start waits for the first word of a server; tasks start without it. */
const FIRST_WORD_MS = 1500;
const RENEW_MS = 10_000;

/** Starts an agent that follows servers. Rejects where it is no member of a cluster; whether a server answers is no matter. */
export async function startClientNode(options: AgentOptions, lifecycle: Lifecycle): Promise<Agent> {
  const node = await compose(options, lifecycle);
  const audit = await openAuditLog(options.env, options.config, node.folder.root);
  if (audit !== undefined) lifecycle.add("the audit log", () => audit.close());
  const reloadApis = await serveClientNode(node, audit?.log, lifecycle);
  await watchMachine(node, lifecycle);
  if (options.config.discovery.announce)
    await announce({ ...node, clusterId: node.keeper.membership.clusterId, role: "client" }, lifecycle);
  if (options.carried?.member !== undefined) waitForMajority(options.carried.member, node, lifecycle);
  else if (options.config.server.enabled) await waitForState(node, lifecycle);
  return {
    addresses: node.addresses,
    leave: async () => node.gossip?.serf.leave(),
    stop: () => lifecycle.stop(),
    reload: async () => {
      await reloadApis();
      await node.discovery.agent.reload();
    },
    reopenFiles: () => audit?.reopen(),
  };
}

/** Its etcd goes over to the server that is started in this node's place. */
function waitForMajority(member: OwnMember, { env, restart, carried }: ClientNode, lifecycle: Lifecycle): void {
  let isOver = false;
  lifecycle.add("etcd", async () => {
    if (isOver) return;
    isOver = true;
    if (carried !== undefined) carried.member = undefined;
    await member.stop();
  });
  const again = (said: string): void => {
    if (isOver) return;
    isOver = true;
    env.log.info(said);
    restart?.();
  };
  member.ready.then(
    () => again("there is a majority: this server takes its part of the state"),
    (thrown: unknown) => again(messageOf(thrown)),
  );
}

async function waitForState(node: ClientNode, lifecycle: Lifecycle): Promise<void> {
  const { standBy } = await import("./stand-by.ts");
  const { env, call, folder, config, addresses, identity, nodeName, restart, carried } = node;
  const end = new AbortController();
  lifecycle.add("the wait for the state", () => end.abort());
  const takeOver = (member: OwnMember): void => {
    if (carried === undefined || restart === undefined) return void member.stop();
    carried.member = member;
    restart();
  };
  const { nodeId } = identity;
  void standBy({ env, call, folder, config, addresses, nodeId, nodeName, takeOver }, end.signal);
}

async function compose(options: AgentOptions, lifecycle: Lifecycle): Promise<ClientNode> {
  const { config, env } = options;
  const addresses = addressesOf(config, env.net);
  const folder = await openDataFolder(env.disk, config);
  const identity = await loadIdentity(env, folder.client);
  const nodeName = config.name === "" ? env.net.hostname() : config.name;
  const membership = await ownMembership(options, { root: folder.root, nodeId: identity.nodeId });
  const { set, call, keeper } = follow(options, { membership, addresses, folder, nodeName }, lifecycle);
  const store = new CatalogStore(env, catalogCalls(set, call));
  lifecycle.add("the catalog", () => store.close());
  const view = await followView(store, discoveryTables, { log: env.log.child("view") });
  lifecycle.add("the view", () => view.close());
  store.start();
  const link = createRemoteLink(call, openAtServers(set));
  const tasks = forTasks({ config, env, folder, identity, link }, lifecycle);
  const known: Known = { ...options, addresses, folder, identity, nodeName, ...tasks };
  const discovery = createDiscovery({
    env,
    store,
    view,
    config: { ...discoveryConfig(options, known), server: false },
    // Servers keep sessions, alerts and members.
    fence: () => [],
  });
  const gossip = await createAgentGossip({ ...known, isMember: true, config: joining(config, set.servers) });
  const client = config.client.enabled ? createClient({ ...known, discovery, link, isMember: true }) : undefined;
  await Promise.race([store.whole, sleep(env.clock, FIRST_WORD_MS)]);
  lifecycle.add("discovery", () => discovery.stop());
  // Writing this node's rows waits for servers; its checks and DNS do not.
  const started = discovery.start().catch((thrown: unknown) => {
    throw nameListener(thrown, { name: "DNS server", port: "dns" });
  });
  await Promise.race([started, sleep(env.clock, FIRST_WORD_MS)]);
  started.catch((thrown: unknown) => {
    env.log.error("discovery did not start", { error: String(thrown) });
    options.shutdown?.();
  });
  return { ...known, set, call, keeper, store, view, discovery, gossip, client, firmware: ownFirmware(options) };
}

function follow(
  { config, env }: AgentOptions,
  own: { readonly membership: Membership } & Pick<Known, "addresses" | "folder" | "nodeName">,
  lifecycle: Lifecycle,
) {
  const { membership, addresses, folder, nodeName } = own;
  const set: ServerSet = new ServerSet({
    env,
    servers: serversOf(config, membership),
    tls: () => keeper.tls(),
    onPing: (ping) => keeper.heard(ping),
  });
  const keeper: CertificateKeeper = new CertificateKeeper(
    {
      env,
      dataDir: folder.root,
      nodeName,
      addresses: certificateAddresses({ addresses, config }),
      internal: internalAddress({ config, addresses }),
      ask: async (request) => {
        const body = JSON.stringify(request);
        const response = await set.request({
          path: RENEW_PATH,
          method: "PUT",
          body,
          timeoutMs: RENEW_MS,
          repeatable: true,
        });
        const text = await response.text();
        if (response.status !== 200) throw new CodedError("refused", text.trim());
        return v.parse(GrantSchema, JSON.parse(text));
      },
    },
    membership,
  );
  set.start();
  keeper.start();
  lifecycle.add("the link to the servers", () => set.stop());
  lifecycle.add("this node's certificate", () => keeper.stop());
  return { set, keeper, call: callServers(set) };
}

/** Those of the configuration first; they stay known whatever servers tell. */
function serversOf({ client, ports }: AgentConfig, { servers }: Membership): readonly string[] {
  const given = [...client.servers, ...client.serverJoin.startJoin, ...client.serverJoin.retryJoin];
  return [...given.map((each) => (/(^|\]|^[^:]+):\d+$/.test(each) ? each : `${each}:${ports.rpc}`)), ...servers];
}

/** Gossip begins at the servers, where the configuration names nobody else. */
function joining(config: AgentConfig, servers: readonly string[]): AgentConfig {
  const { discovery } = config;
  if (discovery.retryJoin.length + discovery.startJoin.length > 0) return config;
  return { ...config, discovery: { ...discovery, retryJoin: servers.map((each) => each.replace(/:\d+$/, "")) } };
}

async function ownMembership(
  { env }: AgentOptions,
  { root, nodeId }: { readonly root: string; readonly nodeId: string },
): Promise<Membership> {
  const membership = await readMembership(env.disk, root);
  if (membership === undefined)
    throw new CodedError(
      "membership",
      "this node is no server, and no member of a cluster whose servers it could follow",
      "join one with `lares join ADDRESS TOKEN` (a server prints the line: `lares join-token create`), or set server { enabled = true }",
    );
  if (membership.nodeId === nodeId) return membership;
  throw new CodedError(
    "membership",
    `the certificate in ${root}/cluster is of node ${membership.nodeId}, and this node is ${nodeId}`,
    `remove ${root}/cluster and join again`,
  );
}
