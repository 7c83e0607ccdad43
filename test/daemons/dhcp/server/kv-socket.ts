import { createApi } from "#base/http/api.ts";
import { consulDialect } from "#base/http/dialect.ts";
import { textOf } from "#base/env/bytes.ts";
import { compileFilter } from "#base/language/filter/compile.ts";
import { createEnv } from "#base/platform/create-env.ts";
import { listenHttp } from "#base/platform/http-listener.ts";
import { BlockingQueries } from "#base/state/blocking.ts";
import { MemoryStore } from "#base/state/memory/memory-store.ts";
import { GLOBAL } from "#base/protocol/keys.ts";
import { kv } from "#base/state/tables.ts";
import { followView } from "#base/state/view.ts";
import { createDiscovery, discoveryTables } from "#daemons/discovery/create-discovery.ts";

export interface KvSocket {
  readonly socketPath: string;
  value(key: string): string | undefined;
  close(): Promise<void>;
}

/** The cluster's keys behind their API, on a socket as tasks have it: network namespaces do not part it. */
export async function openKv(dir: string, name = "kv.sock"): Promise<KvSocket> {
  const env = createEnv({ logToStderr: false });
  const store = new MemoryStore();
  const view = await followView(store, discoveryTables);
  const config = {
    nodeName: "n",
    nodeId: "4d1a0a2e-0000-4000-8000-000000000001",
    datacenter: "dc1",
    bindAddr: "127.0.0.1",
    advertiseAddr: "127.0.0.1",
  };
  const discovery = createDiscovery({ env, store, view, config });
  const blocking = new BlockingQueries({ view, clock: env.clock, random: env.random });
  const document = { title: "Keys", version: "0", description: "" };
  const exchange = createApi({
    env,
    blocking,
    compileFilter,
    document,
    dialect: consulDialect,
    routes: discovery.routes(),
  });
  const socketPath = `${dir}/${name}`;
  const listener = await listenHttp({ at: { socketPath, mode: 0o600, uid: 0, gid: 0 }, exchange, log: env.log });
  await discovery.start();
  let isOpen = true;
  return {
    socketPath,
    value(key) {
      const row = view.table(kv).get(GLOBAL, key);
      return row === undefined ? undefined : textOf(Buffer.from(row.value.Value, "base64"));
    },
    async close() {
      if (!isOpen) return;
      isOpen = false;
      await listener.close(0);
      await discovery.stop();
      env.close();
    },
  };
}
