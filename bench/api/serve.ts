import * as v from "valibot";
import { silentLog } from "#base/env/log.ts";
import { createApi } from "#base/http/api.ts";
import { nomadDialect } from "#base/http/dialect.ts";
import { compileFilter } from "#base/language/filter/compile.ts";
import { createEnv } from "#base/platform/create-env.ts";
import { listenHttp } from "#base/platform/http-listener.ts";
import { openSqliteStore } from "#base/platform/sqlite/sqlite-store.ts";
import { AllocReportSchema } from "#base/protocol/alloc.ts";
import { NodeSchema } from "#base/protocol/node.ts";
import { BlockingQueries } from "#base/state/blocking.ts";
import { allocs } from "#base/state/tables.ts";
import { followView } from "#base/state/view.ts";
import { nomadRoutes } from "#daemons/scheduler/http/nomad-routes.ts";
import { createSchedulerServer } from "#daemons/scheduler/server/server.ts";
import { schedulerTables } from "#daemons/scheduler/server/tables.ts";

/**
 * The scheduler's server with its API on a real socket and a store on the disk, in a process of its own: `serve.ts FOLDER
 * NODES`. Says its port, then answers `"memory"` with the bytes in use after collecting garbage, and `"report"` by
 * reporting every allocation as running.
 */
const [folder = "", nodeCount = "0"] = process.argv.slice(2);
const env = { ...createEnv(), log: silentLog };
const store = await openSqliteStore({ folder, log: silentLog });
const view = await followView(store, schedulerTables);
const server = createSchedulerServer({ env, store, view });
const blocking = new BlockingQueries({ view, clock: env.clock, random: env.random });
const routes = nomadRoutes({
  server,
  agent: {
    name: "bench",
    region: "global",
    datacenter: "dc1",
    version: "0.0.0",
    rpcAddress: { host: "127.0.0.1", port: 4647 },
    servesClient: false,
    config: () => ({}),
    stats: () => ({}),
  },
});
server.start();
for (let i = 0; i < Number(nodeCount); i++) await server.link.register(nodeOf(i));
const exchange = createApi({ env, blocking, dialect: nomadDialect, routes, compileFilter });
const listener = await listenHttp({
  at: { host: "127.0.0.1", port: 0 },
  exchange,
  log: silentLog,
  limits: { maxConnections: 5000, maxConnectionsPerClient: 0 },
});

process.on("message", (question) => {
  if (question === "report") void reportAll().then(() => process.send?.({ reported: true }));
  if (question === "memory") process.send?.({ bytes: bytesInUse() });
});
process.on("disconnect", () => process.exit(0));
process.send?.({ port: listener.address.port });

async function reportAll(): Promise<void> {
  const reports = [...view.table(allocs).list()].map(({ value }) =>
    v.parse(AllocReportSchema, {
      AllocID: value.ID,
      NodeID: value.NodeID,
      ClientStatus: "running",
      ModifyTime: value.CreateTime,
      TaskStates: {
        main: {
          State: "running",
          Events: [
            { Type: "Received", Time: 1 },
            { Type: "Started", Time: 2 },
          ],
        },
      },
    }),
  );
  await server.link.report(reports);
}

/** Of this process's own: what the runtime itself takes is in the figure of an empty one. */
function bytesInUse(): number {
  globalThis.gc?.();
  globalThis.gc?.();
  const { heapUsed, external, arrayBuffers } = process.memoryUsage();
  return heapUsed + external + arrayBuffers;
}

function nodeOf(i: number) {
  return v.parse(NodeSchema, {
    ID: `00000000-0000-4000-8000-${String(i).padStart(12, "0")}`,
    SecretID: `secret-${i}`,
    Name: `node-${i}`,
    Datacenter: "dc1",
    Attributes: { "kernel.name": "linux", "cpu.arch": "amd64" },
    NodeResources: {
      Cpu: { CpuShares: 400_000, TotalCpuCores: 100, ReservableCpuCores: [] },
      Memory: { MemoryMB: 1_000_000 },
      Disk: { DiskMB: 10_000_000 },
      Networks: [{ Mode: "host", IP: "10.0.0.1" }],
    },
    ReservedResources: {
      Cpu: { CpuShares: 0 },
      Memory: { MemoryMB: 0 },
      Disk: { DiskMB: 0 },
      Networks: { ReservedHostPorts: "" },
    },
    Drivers: { mock: { Detected: true, Healthy: true } },
  });
}
