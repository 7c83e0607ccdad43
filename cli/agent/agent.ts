import { join, resolve } from "node:path";
import type { AgentConfig } from "#base/language/agent-config/config.ts";
import type { AccessPolicy } from "#base/http/access.ts";
import { loadIdentity } from "#daemons/scheduler/client/fingerprint/node-identity.ts";
import { clientRoutes } from "#daemons/scheduler/client/http/client-routes.ts";
import { SchedulerClient } from "#daemons/scheduler/client/client.ts";
import { releaseMemoryWhenIdle } from "#base/platform/idle-memory.ts";
import { createDiscovery } from "#daemons/discovery/create-discovery.ts";
import { nomadRoutes } from "#daemons/scheduler/http/nomad-routes.ts";
import { Keyring } from "#daemons/scheduler/server/keyring/keyring.ts";
import { makeRsaKey } from "#base/platform/rsa-key.ts";
import { createSchedulerServer } from "#daemons/scheduler/server/server.ts";
import type { AgentOptions, Composition } from "./composition.ts";
import { addressesOf, type Addresses } from "./addresses.ts";
import { openAuditLog, type OpenAuditLog } from "./audit/audit-log.ts";
import { createApis, type Apis } from "./apis.ts";
import { openDataFolder } from "./data-folder.ts";
import { createDrivers } from "./drivers.ts";
import { agentFacts } from "./facts.ts";
import { writeFirstConfiguration } from "./first-configuration.ts";
import { createAgentGossip } from "./gossip.ts";
import { Lifecycle } from "./lifecycle.ts";
import { listen } from "./listeners.ts";
import { monitorLog } from "./monitor.ts";
import { serverSettings } from "./server-settings.ts";
import { openState } from "./open-state.ts";
import { nameListener } from "./taken-address.ts";
import { aclSettings, keyringSettings } from "./security-settings.ts";
import { TaskApi } from "./task-api.ts";
import { AgentTemplates } from "./template-access.ts";

export interface Agent {
  readonly addresses: Addresses;
  /** Opens the files it writes to anew, after somebody moved them away. */
  reopenFiles(): void;
  /** Reads again what files define besides the configuration: services and checks. Rejects with their mistakes. */
  reload(): Promise<void>;
  /** Tells the other members that this node goes; `stop` is still to be called. */
  leave(): Promise<void>;
  /** Stops everything in reverse order. Idempotent. */
  stop(): Promise<void>;
}

/** Starts every part of an agent in one process. When a part cannot start, those before it are stopped again. */
export async function startAgent(options: AgentOptions): Promise<Agent> {
  const { env } = options;
  const lifecycle = new Lifecycle(env.log);
  lifecycle.add("the memory keeper", releaseMemoryWhenIdle());
  try {
    const composition = await compose(options, lifecycle);
    const audit = await openAuditLog(env, options.config, composition.folder.root);
    if (audit !== undefined) lifecycle.add("the audit log", () => audit.close());
    const apis = createAgentApis(composition, audit);
    lifecycle.add("blocking queries", () => apis.close());
    await serve(composition, apis, lifecycle);
    return {
      addresses: composition.addresses,
      leave: async () => composition.gossip?.serf.leave(),
      stop: () => lifecycle.stop(),
      reload: () => composition.discovery.agent.reload(),
      reopenFiles: () => audit?.reopen(),
    };
  } catch (error) {
    await lifecycle.stop();
    throw error;
  }
}

async function compose(options: AgentOptions, lifecycle: Lifecycle): Promise<Composition> {
  const { config, env } = options;
  const addresses = addressesOf(config, env.net);
  const folder = await openDataFolder(env.disk, config);
  const state = await openState(folder.state, env);
  lifecycle.add("the state store", () => state.close());
  const identity = await loadIdentity(env, folder.client);
  const nodeName = config.name === "" ? env.net.hostname() : config.name;
  const { store, view } = state;
  const discovery = createDiscovery({
    env,
    store,
    view,
    config: discoveryConfig(options, { addresses, folder, identity, nodeName }),
  });
  const keyring = new Keyring({ env, store, view, folder: folder.keyring, makeRsaKey, ...keyringSettings(config) });
  await keyring.start();
  lifecycle.add("the keyring", () => keyring.stop());
  await writeFirstConfiguration(store, view, config);
  const server = createSchedulerServer({
    env,
    store,
    view,
    keyring,
    acl: aclSettings(config, folder),
    settings: serverSettings(config),
  });
  const taskApi = new TaskApi(env);
  lifecycle.add("the tasks' API sockets", () => taskApi.stop());
  const templates = new AgentTemplates({
    env,
    settings: config.client.template,
    allocsRoot: allocsFolder(config, folder.root),
    aclEnabled: config.acl.enabled,
    vault: config.vault,
    sign: async ({ allocId, taskName }, identityName) => {
      const names = [identityName];
      const signed = await server.link.signIdentities?.({ nodeId: identity.nodeId, allocId, task: taskName, names });
      const [own] = signed ?? [];
      if (own === undefined) throw new Error(missingIdentity(identityName));
      return own;
    },
  });
  lifecycle.add("the tasks' templates", () => templates.stop());
  const gossip = await createAgentGossip({ ...options, addresses, folder, identity, nodeName });
  const whole = { addresses, folder, state, identity, nodeName, discovery, gossip, server, taskApi, templates };
  const known = { ...options, ...whole };
  return { ...known, client: config.client.enabled ? createClient(known) : undefined };
}

function missingIdentity(name: string): string {
  const hint = name === "default" ? "" : `: add identity { name = "${name}" aud = ["vault.io"] ttl = "1h" } to it`;
  return `the task has no identity "${name}"${hint}`;
}

function allocsFolder({ client }: AgentConfig, root: string): string {
  return client.allocDir === "" ? join(root, "alloc") : resolve(client.allocDir);
}

function createClient({
  config,
  env,
  server,
  discovery,
  folder,
  addresses,
  version,
  tasksAtStop,
  taskApi,
  templates,
}: Omit<Composition, "client">): SchedulerClient {
  return new SchedulerClient({
    env,
    config,
    version,
    link: server.link,
    drivers: createDrivers(env, config, taskApi),
    registry: discovery.registry,
    templates,
    dataDir: folder.root,
    httpAddress: `${bracketed(addresses.advertise)}:${config.ports.http}`,
    onStop: tasksAtStop,
  });
}

function discoveryConfig(
  { config, version }: AgentOptions,
  known: Pick<Composition, "addresses" | "folder" | "identity" | "nodeName">,
): Parameters<typeof createDiscovery>[0]["config"] {
  const { discovery, ports } = config;
  return {
    nodeName: known.nodeName,
    nodeId: known.identity.nodeId,
    datacenter: config.datacenter,
    domain: discovery.domain.replaceAll(/^\.+|\.+$/g, ""),
    bindAddr: known.addresses.dns,
    advertiseAddr: known.addresses.advertise,
    httpPort: ports.consul,
    dataDir: known.folder.discovery,
    enableScriptChecks: discovery.enableScriptChecks,
    enableLocalScriptChecks: discovery.enableLocalScriptChecks,
    nodeChecks: discovery.nodeChecks,
    alerts: discovery.alerts,
    nodeMeta: discovery.nodeMeta,
    ...(discovery.definitions === "" ? {} : { definitions: discovery.definitions }),
    version,
    dns: {
      recursors: discovery.dns.recursors,
      onlyPassing: discovery.dns.onlyPassing,
      udpAnswerLimit: discovery.dns.udpAnswerLimit,
      enableTruncate: discovery.dns.enableTruncate,
      nodeTtl: Math.round(discovery.dns.nodeTtlMs / 1000),
      serviceTtl: Object.fromEntries(
        Object.entries(discovery.dns.serviceTtlMs).map(([name, ms]) => [name, Math.round(ms / 1000)]),
      ),
    },
    ...(discovery.altDomain === "" ? {} : { altDomain: discovery.altDomain }),
    ...(ports.dns === 0 ? {} : { dnsPort: ports.dns }),
  };
}

function createAgentApis(composition: Composition, audit: OpenAuditLog | undefined): Apis {
  const { env, state, discovery, gossip, server, client, config, reload, version } = composition;
  const access: AccessPolicy = (token) => server.acl.resolver.access(token);
  return createApis({
    env,
    version,
    view: state.view,
    region: config.region,
    nomadRoutes: [
      ...nomadRoutes({ server, agent: agentFacts(composition) }),
      ...(client === undefined ? [] : clientRoutes({ env, client, access })),
    ],
    consulRoutes: discovery.routes({
      ...(gossip === undefined ? {} : { gossip }),
      snapshotKey: config.server.snapshotKey,
      reload,
      monitor: (request) => monitorLog(env.logHub, request),
    }),
    access,
    responseHeaders: config.httpApiResponseHeaders,
    ...(audit === undefined ? {} : { audit: audit.log }),
  });
}

async function serve(composition: Composition, apis: Apis, lifecycle: Lifecycle): Promise<void> {
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
  if (composition.gossip !== undefined)
    discovery.follow(composition.gossip.serf, { forgetAfterMs: config.discovery.gossip.reconnectTimeoutMs });
  await listen(
    { name: "nomad", addresses: addresses.http, port: config.ports.http, exchange: apis.nomad, ...limits },
    lifecycle,
    env.log,
  );
  await listen(
    { name: "consul", addresses: addresses.consul, port: config.ports.consul, exchange: apis.consul, ...limits },
    lifecycle,
    env.log,
  );
  if (client === undefined) return;
  taskApi.serve(apis.task);
  templates.serve(apis.task);
  await client.start();
  lifecycle.add("the scheduler's client", () => client.stop());
}

/** RFC 3986 section 3.2.2: an IPv6 address stands in brackets before a port. */
function bracketed(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}
