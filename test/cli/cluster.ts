import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ExecutionContext } from "ava";
import { createApi } from "#base/http/api.ts";
import { consulDialect, nomadDialect } from "#base/http/dialect.ts";
import type { Exchange } from "#base/http/exchange.ts";
import { defaultAgentConfig } from "#base/language/agent-config/config.ts";
import { compileFilter } from "#base/language/filter/compile.ts";
import { removeFolder } from "#test/remove-folder.ts";
import { createEnv } from "#base/platform/create-env.ts";
import { listenHttp } from "#base/platform/http-listener.ts";
import { BlockingQueries } from "#base/state/blocking.ts";
import { MemoryStore } from "#base/state/memory/memory-store.ts";
import * as tables from "#base/state/tables.ts";
import { followView } from "#base/state/view.ts";
import { COMMANDS } from "#cli/commands.ts";
import { dispatch } from "#cli/command/dispatch.ts";
import { createDiscovery } from "#daemons/discovery/create-discovery.ts";
import { Snapshots } from "#base/state/snapshot/snapshots.ts";
import { Keyring } from "#daemons/scheduler/server/keyring/keyring.ts";
import { createSchedulerClient } from "#daemons/scheduler/client/client.ts";
import { clientRoutes } from "#daemons/scheduler/client/http/client-routes.ts";
import { nomadRoutes } from "#daemons/scheduler/http/nomad-routes.ts";
import { createSchedulerServer } from "#daemons/scheduler/server/server.ts";
import { createMockDriver } from "#drivers/mock/mock-driver.ts";

export interface Cluster {
  readonly environment: Readonly<Record<string, string>>;
  readonly folder: string;
}

/** One node on a memory store, with the mock driver, its two APIs on free ports of loopback; `around` may disturb the scheduler's. */
export async function startCluster(
  t: ExecutionContext,
  around: (exchange: Exchange) => Exchange = (exchange) => exchange,
): Promise<Cluster> {
  const folder = await mkdtemp(join(tmpdir(), "lares-cli-"));
  const env = createEnv({ logLevel: "error" });
  const store = new MemoryStore();
  const view = await followView(store, Object.values(tables));
  const blocking = new BlockingQueries({ view, clock: env.clock, random: env.random });
  const discovery = createDiscovery({
    env,
    store,
    view,
    config: {
      nodeName: "pi",
      nodeId: env.random.uuid(),
      datacenter: "dc1",
      bindAddr: "127.0.0.1",
      advertiseAddr: "127.0.0.1",
    },
  });
  const keyring = new Keyring({ env, store, view, folder });
  await keyring.start();
  const server = createSchedulerServer({ env, store, view, keyring });
  const config = { ...defaultAgentConfig(), name: "pi" };
  const version = "0.1.0";
  const client = createSchedulerClient({
    env,
    link: server.link,
    drivers: [createMockDriver(env)],
    registry: discovery.registry,
    config,
    dataDir: folder,
    httpAddress: "127.0.0.1:4646",
    version,
    onStop: "stop",
  });
  const snapshots = new Snapshots({ env, store, view, passphrase: "" });
  const nomad = nomadRoutes({
    server,
    agent: {
      name: "pi",
      region: "global",
      datacenter: "dc1",
      version,
      rpcAddress: { host: "127.0.0.1", port: 4647 },
      servesClient: true,
      config: () => ({}),
      stats: () => ({}),
      snapshots,
    },
  });
  const document = { title: "Lares", version, description: "An API" };
  const common = { env, blocking, compileFilter, document };
  const at = { host: "127.0.0.1", port: 0 };
  const listeners = await Promise.all([
    listenHttp({
      at,
      log: env.log,
      exchange: around(
        createApi({ ...common, dialect: nomadDialect, routes: [...nomad, ...clientRoutes({ env, client })] }),
      ),
    }),
    listenHttp({
      at,
      log: env.log,
      exchange: createApi({ ...common, dialect: consulDialect, routes: discovery.routes({ snapshots }) }),
    }),
  ]);
  server.start();
  await discovery.start();
  await client.start();
  t.teardown(async () => {
    await client.stop();
    blocking.close();
    await Promise.all(listeners.map((listener) => listener.close(100)));
    await discovery.stop();
    server.stop();
    keyring.stop();
    view.close();
    await store.close();
    env.close();
    removeFolder(folder);
  });
  const [scheduler, catalog] = listeners.map(({ address }) => `http://127.0.0.1:${address.port}`);
  return { environment: { NOMAD_ADDR: scheduler ?? "", CONSUL_HTTP_ADDR: catalog ?? "" }, folder };
}

export interface Said {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** A command line, run in this process. */
export async function lares(
  environment: Readonly<Record<string, string>>,
  words: readonly string[],
  terminal = false,
): Promise<Said> {
  const out: string[] = [];
  const err: string[] = [];
  const code = await dispatch(words, {
    commands: COMMANDS,
    version: "0.1.0",
    environment,
    output: {
      terminal,
      line: (text) => void out.push(`${text}\n`),
      write: (data) => void out.push(Buffer.from(data).toString()),
      error: (text) => void err.push(`${text}\n`),
      writeError: (data) => void err.push(Buffer.from(data).toString()),
    },
  });
  return { code, out: out.join(""), err: err.join("") };
}
