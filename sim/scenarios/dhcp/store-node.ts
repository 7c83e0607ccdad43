import { createApi } from "#base/http/api.ts";
import { consulDialect } from "#base/http/dialect.ts";
import { sleep } from "#base/env/clock.ts";
import { compileFilter } from "#base/language/filter/compile.ts";
import { BlockingQueries } from "#base/state/blocking.ts";
import { openJournal, type OpenedJournal } from "#base/state/memory/journal.ts";
import { MemoryStore } from "#base/state/memory/memory-store.ts";
import { followView } from "#base/state/view.ts";
import { createDiscovery, discoveryTables } from "#daemons/discovery/create-discovery.ts";
import type { Machine } from "../../machine/node.ts";

export const STORE_PORT = 8500;

/** The cluster's keys behind their API, on a machine whose disk remembers them. */
export async function runStoreNode(machine: Machine): Promise<void> {
  const { env, name, address } = machine;
  await env.disk.makeDir("/data");
  const store = new MemoryStore(await openPatiently());
  const view = await followView(store, discoveryTables);
  const config = {
    nodeName: name,
    nodeId: env.random.uuid(),
    datacenter: "dc1",
    bindAddr: address,
    advertiseAddr: address,
  };
  const discovery = createDiscovery({ env, store, view, config });
  const blocking = new BlockingQueries({ view, clock: env.clock, random: env.random });
  const document = { title: "Store", version: "0", description: "" };
  machine.listenHttp(
    STORE_PORT,
    createApi({ env, blocking, compileFilter, document, dialect: consulDialect, routes: discovery.routes() }),
  );
  await discovery.start();

  /** A disk that is full or cannot sync at this moment is no reason to stay down. */
  async function openPatiently(): Promise<OpenedJournal> {
    for (;;) {
      const opened = await openJournal(env.disk, "/data/journal").catch(() => undefined);
      if (opened !== undefined) return opened;
      await sleep(env.clock, 100);
    }
  }
}
