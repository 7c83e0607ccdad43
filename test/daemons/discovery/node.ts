import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as v from "valibot";
import { silentLog } from "#base/env/log.ts";
import { openAccess, type AccessPolicy } from "#base/http/access.ts";
import { createApi } from "#base/http/api.ts";
import { consulDialect } from "#base/http/dialect.ts";
import { createEnv } from "#base/platform/create-env.ts";
import { listenHttp } from "#base/platform/http-listener.ts";
import { BlockingQueries } from "#base/state/blocking.ts";
import { AgentServiceDefinitionSchema } from "#base/protocol/catalog.ts";
import { MemoryStore } from "#base/state/memory/memory-store.ts";
import { followView } from "#base/state/view.ts";
import { explainConsul } from "#daemons/discovery/http/consul-routes.ts";
import type { Surroundings } from "#daemons/discovery/http/consul-deps.ts";
import type { DiscoveryConfig } from "#daemons/discovery/config.ts";
import { createDiscovery, discoveryTables } from "#daemons/discovery/create-discovery.ts";

/** Anything with ava's teardown. */
export interface Owner {
  teardown(release: () => unknown): void;
}

/** A node's discovery on real sockets, over a store in memory; everything goes with the test. */
export async function startNode(
  owner: Owner,
  config: Partial<DiscoveryConfig> = {},
  {
    store = new MemoryStore(),
    access = openAccess,
    surroundings = {},
  }: { store?: MemoryStore; access?: AccessPolicy; surroundings?: Surroundings } = {},
) {
  const env = createEnv({ logLevel: "error" });
  const view = await followView(store, discoveryTables);
  const discovery = createDiscovery({
    env,
    store,
    view,
    config: {
      nodeName: "node-a",
      nodeId: "6f3a5f0e-3f3f-4b59-9a0f-1f6b5f0e3f3f",
      datacenter: "dc1",
      bindAddr: "127.0.0.1",
      dnsPort: 0,
      advertiseAddr: "127.0.0.1",
      ...config,
    },
  });
  let stopped: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    stopped ??= (async () => {
      await discovery.stop();
      view.close();
      env.close();
    })();
    await stopped;
  };
  owner.teardown(stop);
  await discovery.start();
  const dnsPort = discovery.dnsAddress?.port ?? 0;
  const blocking = new BlockingQueries({ view, clock: env.clock, random: env.random });
  const exchange = createApi({
    routes: discovery.routes(surroundings),
    dialect: consulDialect,
    env: { ...env, log: silentLog },
    blocking,
    access,
    explain: explainConsul,
  });
  const listener = await listenHttp({ at: { host: "127.0.0.1", port: 0 }, exchange, log: silentLog });
  owner.teardown(async () => {
    blocking.close();
    await listener.close(100);
  });
  return {
    env,
    store,
    view,
    discovery,
    routes: discovery.routes(),
    dnsPort,
    stop,
    url: `http://127.0.0.1:${listener.address.port}`,
  };
}

export function service(definition: Record<string, unknown>) {
  return v.parse(AgentServiceDefinitionSchema, definition);
}

export async function tempFolder(owner: Owner): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "lares-discovery-"));
  owner.teardown(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Polls until it holds; fails the test by throwing after a minute. */
export async function until(holds: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const end = Date.now() + 60_000;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`waited a minute in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly json: any;
}

/** One request; the body as text, and as JSON where it is some. */
export async function call(url: string, method = "GET", body?: unknown): Promise<Answer> {
  const init = body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) };
  const response = await fetch(url, { method, ...init });
  const text = await response.text();
  let json: any;
  try {
    json = JSON.parse(text);
  } catch {}
  return { status: response.status, headers: response.headers, text, json };
}
