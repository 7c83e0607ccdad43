import { join, resolve } from "node:path";
import type { AgentConfig } from "#base/language/agent-config/config.ts";
import { selfCommand } from "#base/platform/embedded/self.ts";
import { SchedulerClient } from "#daemons/scheduler/client/client.ts";
import { API_VERSION } from "#daemons/discovery/http/consul-deps.ts";
import type { createDiscovery } from "#daemons/discovery/create-discovery.ts";
import type { ServerLink } from "#daemons/scheduler/link.ts";
import type { AgentOptions } from "./agent-options.ts";
import type { Composition } from "./composition.ts";
import { createDeviceSources, createDrivers } from "./drivers.ts";
import { internalAddress } from "./addresses.ts";
import type { Lifecycle } from "./lifecycle.ts";
import { REVISION } from "../version.ts";
import { TaskApi } from "./task-api.ts";
import { AgentTemplates } from "./template-access.ts";

type ClientParts = AgentOptions &
  Pick<Composition, "discovery" | "folder" | "addresses" | "taskApi" | "templates"> & {
    readonly link: ServerLink;
    /** Whether it has a certificate, so that other nodes reach it. */
    readonly isMember: boolean;
  };

/** What tasks of this node reach the cluster by, until the lifecycle ends. */
export function forTasks(
  known: Parameters<typeof createTemplates>[0],
  lifecycle: Lifecycle,
): { readonly taskApi: TaskApi; readonly templates: AgentTemplates } {
  const taskApi = new TaskApi(known.env);
  lifecycle.add("the tasks' API sockets", () => taskApi.stop());
  const templates = createTemplates(known);
  lifecycle.add("the tasks' templates", () => templates.stop());
  return { taskApi, templates };
}

function createTemplates({
  config,
  env,
  folder,
  identity,
  link,
}: Pick<Composition, "config" | "env" | "folder" | "identity"> & { readonly link: ServerLink }): AgentTemplates {
  return new AgentTemplates({
    env,
    settings: config.client.template,
    allocsRoot: allocsFolder(config, folder.root),
    aclEnabled: config.acl.enabled,
    vault: config.vault,
    sign: async ({ allocId, taskName }, identityName) => {
      const names = [identityName];
      const signed = await link.signIdentities?.({ nodeId: identity.nodeId, allocId, task: taskName, names });
      const [own] = signed ?? [];
      if (own === undefined) throw new Error(missingIdentity(identityName));
      return own;
    },
  });
}

function missingIdentity(name: string): string {
  const hint = name === "default" ? "" : `: add identity { name = "${name}" aud = ["vault.io"] ttl = "1h" } to it`;
  return `the task has no identity "${name}"${hint}`;
}

function allocsFolder({ client }: AgentConfig, root: string): string {
  return client.allocDir === "" ? join(root, "alloc") : resolve(client.allocDir);
}

export function createClient({
  config,
  env,
  link,
  discovery,
  folder,
  addresses,
  version,
  tasksAtStop,
  introduction,
  taskApi,
  templates,
  isMember,
}: ClientParts): SchedulerClient {
  return new SchedulerClient({
    env,
    config,
    version,
    link,
    drivers: createDrivers(env, config, taskApi),
    devices: createDeviceSources(env, config),
    registry: discovery.registry,
    templates,
    dataDir: folder.root,
    httpAddress: `${bracketed(addresses.advertise)}:${config.ports.http}`,
    internalAddress: isMember ? internalAddress({ config, addresses }) : undefined,
    introduction,
    inventoryCommand: ["nice", "-n", "15", ...selfCommand(), "node", "inventory", "-json"],
    onStop: tasksAtStop,
    askKernel: { landlock: landlockAttributes },
    attributes: {
      ...(REVISION === "" ? {} : { "nomad.revision": REVISION }),
      "consul.version": API_VERSION,
      "consul.datacenter": config.datacenter,
      "consul.server": String(config.server.enabled),
      "consul.dns.port": String(config.ports.dns),
      // No mesh here, and nothing that its proxies could be configured by.
      "consul.connect": "false",
      "consul.grpc": "-1",
      "consul.ft.namespaces": "false",
      "unique.consul.name": config.name === "" ? env.net.hostname() : config.name,
    },
  });
}

/** `v6`, or that there is none; nothing where nobody knows. */
async function landlockAttributes(): Promise<Record<string, string>> {
  const { landlockVersion } = await import("#base/platform/landlock.ts");
  const version = await landlockVersion();
  if (version === undefined) return {};
  return { "kernel.landlock": version === 0 ? "unavailable" : `v${version}` };
}

export function discoveryConfig(
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
    disableRemoteExec: discovery.disableRemoteExec,
    enableScriptChecks: discovery.enableScriptChecks,
    enableLocalScriptChecks: discovery.enableLocalScriptChecks,
    nodeChecks: discovery.nodeChecks,
    alerts: discovery.alerts,
    nodeMeta: discovery.nodeMeta,
    ...(discovery.definitions === "" ? {} : { definitions: discovery.definitions }),
    version,
    limits: { maxValueBytes: config.limits.kvMaxValueSize, maxTxnOps: config.limits.txnMaxOps },
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

/** RFC 3986 section 3.2.2: an IPv6 address stands in brackets before a port. */
function bracketed(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}
