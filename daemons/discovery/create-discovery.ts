import type { Env } from "#base/env/env.ts";
import type { Address } from "#base/env/net.ts";
import type { Store } from "#base/state/store.ts";
import type { View } from "#base/state/table.ts";
import type { DiscoveryConfig } from "./config.ts";
import { DnsServer } from "./dns/dns-server.ts";
import { Recursor, recursorAddress } from "./dns/recursor.ts";
import { Responder } from "./dns/responder.ts";
import { Zone } from "./dns/zone.ts";
import { createAgent, type LocalAgent } from "./local/agent.ts";
import type { TaskServices } from "./local/registry.ts";

export interface DiscoveryDeps {
  readonly env: Env;
  readonly store: Store;
  /** Follows at least the catalog, kv and sessions tables. */
  readonly view: View;
  readonly config: DiscoveryConfig;
}

export interface Discovery {
  /** For whoever runs tasks on this node. */
  readonly registry: TaskServices;
  readonly agent: LocalAgent;
  /** Where DNS is answered, once started. */
  readonly dnsAddress: Address | undefined;
  /** Registers the node, starts the checks that were kept and the DNS server. Rejects when the DNS port cannot be had. */
  start(): Promise<void>;
  /** Releases sockets, timers and files. What is registered stays in the catalog. */
  stop(): Promise<void>;
}

const DOMAIN = "consul";

export function createDiscovery(deps: DiscoveryDeps): Discovery {
  const { store, view, config } = deps;
  const env = { ...deps.env, log: deps.env.log.child("discovery") };
  const agent = createAgent({ env, store, view, config });
  const dns = config.dns ?? {};
  const recursor = new Recursor(env, {
    servers: (dns.recursors ?? []).map(recursorAddress),
    ...(dns.recursorTimeoutMs === undefined ? {} : { timeoutMs: dns.recursorTimeoutMs }),
  });
  const server =
    config.dnsPort === undefined ? undefined : createDnsServer({ env, view, config, recursor }, config.dnsPort);
  return {
    registry: agent.registry,
    agent,
    get dnsAddress() {
      return server?.address;
    },
    async start() {
      await agent.start();
      await server?.start();
    },
    async stop() {
      recursor.stop();
      await server?.stop();
      await agent.stop();
    },
  };
}

function createDnsServer(
  deps: { readonly env: Env; readonly view: View; readonly config: DiscoveryConfig; readonly recursor: Recursor },
  port: number,
): DnsServer {
  const { env, view, config, recursor } = deps;
  const { datacenter, domain = DOMAIN, altDomain, dns = {} } = config;
  const { random, clock } = env;
  const zone = new Zone({
    view,
    random,
    clock,
    datacenter,
    domain,
    dns,
    ...(altDomain === undefined ? {} : { altDomain }),
  });
  return new DnsServer({ env, responder: new Responder(zone, dns), recursor, at: { host: config.bindAddr, port } });
}
