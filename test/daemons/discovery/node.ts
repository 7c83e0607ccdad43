import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as v from "valibot";
import { createEnv } from "#base/platform/create-env.ts";
import { AgentServiceDefinitionSchema } from "#base/protocol/catalog.ts";
import { MemoryStore } from "#base/state/memory/memory-store.ts";
import { catalogChecks, catalogNodes, catalogServices, kv } from "#base/state/tables.ts";
import { followView } from "#base/state/view.ts";
import type { DiscoveryConfig } from "#daemons/discovery/config.ts";
import { createDiscovery } from "#daemons/discovery/create-discovery.ts";

/** Anything with ava's teardown. */
export interface Owner {
  teardown(release: () => unknown): void;
}

export const CATALOG = [catalogNodes, catalogServices, catalogChecks, kv];

/** A node's discovery on real sockets, over a store in memory; everything goes with the test. */
export async function startNode(owner: Owner, config: Partial<DiscoveryConfig> = {}, store = new MemoryStore()) {
  const env = createEnv({ logLevel: "error" });
  const view = await followView(store, CATALOG);
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
  return { env, store, view, discovery, dnsPort, stop };
}

export function service(definition: Record<string, unknown>) {
  return v.parse(AgentServiceDefinitionSchema, definition);
}

export async function tempFolder(owner: Owner): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "lares-discovery-"));
  owner.teardown(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Polls until it holds; fails the test by throwing after five seconds. */
export async function until(holds: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const end = Date.now() + 5000;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`waited 5 s in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
