import { createServer } from "node:http";
import { silentLog } from "#base/env/log.ts";
import { createApi } from "#base/http/api.ts";
import { nomadDialect } from "#base/http/dialect.ts";
import { route } from "#base/http/route.ts";
import { createEnv } from "#base/platform/create-env.ts";
import { listenHttp } from "#base/platform/http-listener.ts";
import { BlockingQueries } from "#base/state/blocking.ts";
import { put } from "#base/state/codec.ts";
import { MemoryStore } from "#base/state/memory/memory-store.ts";
import { kv } from "#base/state/tables.ts";
import { followView } from "#base/state/view.ts";

/** A process of its own per server, so that its CPU time is its own. Says its port, then answers every message with the CPU time it has used. */
const KEY = "web/config";
const VALUE = { Value: "aGVsbG8=".repeat(16), Flags: "0", Session: "", LockIndex: 0 };

const port = process.argv[2] === "bare" ? await serveBare() : await serveRoute();
process.on("message", () => {
  const { user, system } = process.cpuUsage();
  process.send?.({ cpuUs: user + system });
});
process.send?.({ port });

function serveBare(): Promise<number> {
  const server = createServer((request, response) => {
    const body = JSON.stringify([{ Key: KEY, ...VALUE, CreateIndex: 1, ModifyIndex: 1 }]);
    response.writeHead(200, { "content-type": "application/json", "content-length": Buffer.byteLength(body) });
    response.end(body);
    request.resume();
  });
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : 0);
    });
  });
}

async function serveRoute(): Promise<number> {
  const env = createEnv();
  const store = new MemoryStore();
  await store.txn({ then: [put(kv, { namespace: "_", id: KEY }, VALUE)] });
  const view = await followView(store, [kv]);
  const blocking = new BlockingQueries({ view, clock: env.clock, random: env.random });
  const read = route({
    method: "GET",
    path: "/v1/kv/*key",
    summary: "Reads a key",
    access: { kind: "capability", resource: "key", capability: "read" },
    tables: [kv],
    handle: ({ params }) => ({
      kind: "state",
      read: () => {
        const row = view.table(kv).get("_", params.key);
        const value = row && [
          { Key: row.id, ...row.value, CreateIndex: row.createIndex, ModifyIndex: row.modifyIndex },
        ];
        return { index: view.table(kv).lastIndex, value };
      },
    }),
  });
  const exchange = createApi({ env: { ...env, log: silentLog }, blocking, dialect: nomadDialect, routes: [read] });
  const listener = await listenHttp({ at: { host: "127.0.0.1", port: 0 }, exchange, log: silentLog });
  return listener.address.port;
}
