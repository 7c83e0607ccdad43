import { createServer } from "node:http";
import { readFileSync } from "node:fs";
import { silentLog } from "#base/env/log.ts";
import { createApi } from "#base/http/api.ts";
import { consulDialect } from "#base/http/dialect.ts";
import { createEnv } from "#base/platform/create-env.ts";
import { listenHttp } from "#base/platform/http-listener.ts";
import { memoryReleaser } from "#base/platform/idle-memory.ts";
import { openSqliteStore } from "#base/platform/sqlite/sqlite-store.ts";
import { BlockingQueries } from "#base/state/blocking.ts";
import { followView } from "#base/state/view.ts";
import { createDiscovery, discoveryTables } from "#daemons/discovery/create-discovery.ts";
import { explainConsul } from "#daemons/discovery/http/consul-routes.ts";

/** Discovery over a store on the disk, or a bare server that never answers: `server.ts lares|bare FOLDER`. */
const [, , kind, folder = ""] = process.argv;

async function lares(): Promise<number> {
  const env = { ...createEnv({ logToStderr: false }), log: silentLog };
  const store = await openSqliteStore({ folder, log: silentLog });
  const view = await followView(store, discoveryTables);
  const base = { nodeName: "here", nodeId: "", datacenter: "dc1", advertiseAddr: "127.0.0.1" };
  const discovery = createDiscovery({ env, store, view, config: { ...base, bindAddr: "127.0.0.1" } });
  await discovery.start();
  const blocking = new BlockingQueries({ view, clock: env.clock, random: env.random });
  const routes = discovery.routes();
  const exchange = createApi({ env, blocking, dialect: consulDialect, routes, explain: explainConsul });
  const limits = { maxConnections: 20_000, maxConnectionsPerClient: 0 };
  const listener = await listenHttp({ at: { host: "127.0.0.1", port: 0 }, exchange, log: silentLog, limits });
  return listener.address.port;
}

function bare(): Promise<number> {
  const server = createServer({ requestTimeout: 0 }, (request) => request.resume());
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : 0);
    });
  });
}

const port = await (kind === "lares" ? lares() : bare());
// As the agent does when it was idle for a while; both do it here.
const release = memoryReleaser();
process.on("message", () => {
  void release().then(() => {
    const status = readFileSync("/proc/self/status", "utf8");
    process.send?.({ anonymousKb: Number(/RssAnon:\s+(\d+)/.exec(status)?.[1]) });
  });
});
process.on("disconnect", () => process.exit());
process.send?.({ port });
