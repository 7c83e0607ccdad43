import { consulDialect } from "#base/http/dialect.ts";
import { createApi } from "#base/http/api.ts";
import type { Exchange, ExchangeResponse } from "#base/http/exchange.ts";
import { sleep } from "#base/env/clock.ts";
import { compileFilter } from "#base/language/filter/compile.ts";
import { BlockingQueries } from "#base/state/blocking.ts";
import { MemoryStore } from "#base/state/memory/memory-store.ts";
import { followView } from "#base/state/view.ts";
import { createDiscovery, discoveryTables } from "#daemons/discovery/create-discovery.ts";
import type { Machine } from "../../machine/node.ts";
import { LeaseServer } from "./lease-server.ts";

export const CONSUL_PORT = 8500;
export const VAULT_PORT = 8200;

/** How the servers misbehave; the chances are of one request. */
export interface Trouble {
  slow: number;
  refuses: number;
  /** Answers that are not what was documented. */
  nonsense: number;
}

/**
 * Discovery with its own API, and a server of leases, on one machine that forgets everything when it goes down: then indexes
 * begin anew, sessions are gone and leases are unknown.
 */
export async function runSourceNode(machine: Machine, trouble: Trouble): Promise<LeaseServer> {
  const { env, name, address } = machine;
  const store = new MemoryStore();
  const view = await followView(store, discoveryTables);
  const blocking = new BlockingQueries({ view, clock: env.clock, random: env.random });
  const discovery = createDiscovery({
    env,
    store,
    view,
    config: {
      nodeName: name,
      nodeId: env.random.uuid(),
      datacenter: "dc1",
      bindAddr: address,
      advertiseAddr: address,
    },
  });
  const leases = new LeaseServer(env.clock, machine.life);
  const api = createApi({
    env,
    blocking,
    compileFilter,
    document: { title: "Source", version: "0", description: "" },
    dialect: consulDialect,
    routes: discovery.routes(),
  });
  machine.listenHttp(CONSUL_PORT, troubled(api, machine, trouble));
  machine.listenHttp(VAULT_PORT, troubled(leases.exchange, machine, trouble));
  await discovery.start();
  return leases;
}

const NONSENSE: readonly Omit<ExchangeResponse, "headers">[] = [
  { status: 200, body: "<html>not what you asked for</html>" },
  { status: 200, body: '[{"Key": 5, "Value": {"no": "text"}}]' },
  { status: 200, body: '[{"Key": "a", "Val' },
  { status: 200, body: '"text"' },
  { status: 204, body: "" },
];

/** Writes and locks go through unharmed: the world has to know what was acknowledged. */
function troubled(exchange: Exchange, { env }: Machine, trouble: Trouble): Exchange {
  return async (request) => {
    const { random, clock } = env;
    if (random.float() < trouble.slow) await sleep(clock, random.float() * 8000);
    if (request.method !== "GET") return exchange(request);
    if (random.float() < trouble.refuses)
      return { status: random.float() < 0.5 ? 500 : 429, headers: {}, body: "no leader, try again" };
    const nonsense = NONSENSE[Math.floor(random.float() * NONSENSE.length)];
    if (random.float() < trouble.nonsense && nonsense !== undefined) {
      const index = ["banana", "-1", "0", "18446744073709551615", "1"][Math.floor(random.float() * 5)] ?? "0";
      return { ...nonsense, headers: { "x-consul-index": index } };
    }
    return exchange(request);
  };
}
